"""What INF-S3-01 concludes from buckets in which a stranger finds nothing to get."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.environment import Environment
from seatrial.impact import Observe
from seatrial.probes.s3 import S3Answer
from seatrial.profile import load
from suites.infra.test_s3 import test_the_buckets_are_in_place_and_closed_to_strangers as closed_to_strangers
from tests.checking import ended

OK = S3Answer("any", True, 200, "", None)
NONE = S3Answer("get_bucket_policy", False, 404, "NoSuchBucketPolicy", "404")
DENIED = S3Answer("any", False, 403, "AccessDenied", "403 AccessDenied")
REFUSED = SimpleNamespace(status=403)


def allowing(**rule: Any) -> S3Answer:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/press/*", **rule}
    return S3Answer("get_bucket_policy", True, 200, "", None, {"Policy": json.dumps({"Statement": [statement]})})


def store(policy: S3Answer, listed: S3Answer = OK) -> Any:
    """A store whose buckets are empty, and which refuses whatever a stranger asks for."""
    return SimpleNamespace(
        anonymous=lambda *_, **__: REFUSED,
        head_bucket=lambda _: OK,
        region=lambda _: "here",
        call=lambda operation, **_: policy if operation == "get_bucket_policy" else listed,
    )


@pytest.mark.parametrize(
    ("s3", "outcome", "said"),
    [
        (store(NONE), "PASSED", ""),
        (store(allowing(Principal={"AWS": "arn:aws:iam::1:user/edge"})), "PASSED", ""),
        (store(allowing(Principal="*", Effect="Deny")), "PASSED", ""),
        (store(allowing(Principal="*", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})), "PASSED", ""),
        (store(allowing(Principal="*")), "FAILED", "masters policy: s3:GetObject on arn:aws:s3:::b/press/*"),
        (store(allowing(Principal={"AWS": ["*"]})), "FAILED", "masters policy"),
        (store(allowing(NotPrincipal={"AWS": "arn:aws:iam::1:user/edge"})), "FAILED", "masters policy"),
        (store(DENIED), "INVALID", "nothing to get is seen in"),
        (store(NONE, listed=DENIED), "PASSED", ""),
        (store(DENIED, listed=DENIED), "INVALID", "nothing to get is seen in"),
        (store(DENIED, listed=S3Answer("", True, 200, "", None, {"Contents": [{"Key": "a"}]})), "PASSED", ""),
    ],
)
def test_a_bucket_with_nothing_to_get_is_judged_by_its_policy(tmp_path: Path, s3: Any, outcome: str, said: str) -> None:
    file = tmp_path / "here.toml"
    file.write_text(
        f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(tmp_path))}\n[urls]\n[targets]\nregion = "here"\n'
        '[s3]\nendpoint = "https://s3.test"\nregion = "here"\n'
        '[s3.buckets]\nstaging = "s"\nmasters = "m"\npreviews = "p"\n'
    )
    observe: Any = Observe(Environment(load(file)), "test")
    observe.s3 = s3

    seen = ended(observe, closed_to_strangers)

    assert (seen[0], said in seen[1]) == (outcome, True), seen
