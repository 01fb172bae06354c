"""What App Platform runs now, against what was reviewed."""

from typing import Any

import yaml

from seatrial import MAJOR, Invalid, Observe, check, require
from suites.deploy import _drift


@check("DEP-SPEC-02", severity=MAJOR, component="specs")
def test_the_live_app_spec_is_the_repositorys(observe: Observe) -> None:
    """The spec that App Platform has now equals the repository's: nothing was changed, added or removed by hand.

    Why it matters: a change made by hand in an evening's trouble is in no review and no history. The next deployment takes it
    away, or, sent back along with the live spec, keeps it for ever; until then the environment that was rehearsed and the one
    that serves are two.

    How it is measured: the app that the profile names is read through the vendor's API and compared, value by value, with the
    file of targets.app_spec in the profile's tree. Order makes no difference, nor what the vendor fills in for a field
    that is left out; a secret is compared by its being there and encrypted. Where the file leaves room for a release (a digest of
    zeros, RELEASE of "unreleased"), the live value must be one, and of one repository one digest, of all components one release.
    A live value of a variable is never printed. As long as a rollback is neither committed nor reverted the app is pinned, and its
    spec is compared with that of the deployment it is pinned to: the repository is ahead of it on purpose. An app that is not there is a failure; a token that is refused, or an
    API that cannot be asked, makes the check INVALID.

    Not covered: the values of secrets, since they come back encrypted; the order of ingress rules; what the app runs on (INF-NET-03
    compares the network); whether the declared is right (DEP-SPEC-01 asks that).
    """
    file = str(observe.target("app_spec"))
    try:
        spec = yaml.safe_load((observe.tree / file).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"{file} in the tree cannot be read: {error}") from None
    if not isinstance(spec, dict):
        raise Invalid(f"{file} in the tree is no spec")
    app = observe.cloud.app()
    if not app.get("spec"):
        raise Invalid("the cloud's answer holds no spec")
    pinned = (app.get("pinned_deployment") or {}).get("spec")
    declared, live = _drift.places(pinned or spec), _drift.places(app["spec"])
    named = "the deployment that the app is pinned to" if pinned else file
    parts = sorted({place[:2] for place in declared.keys() | live.keys()})
    with observe.cases(at_least=len({place[:2] for place in declared}) + 2) as cases:
        for part in parts:
            with cases(".".join(part)):
                wrong = _drift.differences(_within(declared, part), _within(live, part))
                require(not wrong, f"{'.'.join(part)} as in {named}", "; ".join(wrong), "app spec")
        with cases("one release everywhere"):
            seen = {str(value) for place, value in live.items() if place[-3:] == ("envs", "RELEASE", "value")}
            require(len(seen) <= 1, "one release in all components", ", ".join(sorted(seen)), "app spec")
        with cases("one digest for each repository"):
            split = _digests(live)
            require(not split, "one digest for each repository", "; ".join(split), "app spec")
    observe.evidence("compared", {"with": named, "values": len(declared), "of the live spec": len(live)})


def _within(values: dict[_drift.Place, Any], part: _drift.Place) -> dict[_drift.Place, Any]:
    return {place: value for place, value in values.items() if place[: len(part)] == part}


def _digests(live: dict[_drift.Place, Any]) -> list[str]:
    found: dict[str, set[str]] = {}
    for place, value in live.items():
        if place[-2:] == ("image", "repository"):
            found.setdefault(str(value), set()).add(str(live.get((*place[:-1], "digest"), "none")))
    return [f"{name}: {', '.join(sorted(digests))}" for name, digests in sorted(found.items()) if len(digests) > 1]
