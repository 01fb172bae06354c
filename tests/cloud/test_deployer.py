"""The deployer against the stand-in: what goes out, what is taken back, and how each failure of the vendor ends."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from system.platforms.digitalocean import deploying, deployments, spec
from system.platforms.digitalocean.api import Api
from system.platforms.digitalocean.deploying import Run
from system.platforms.digitalocean.deployments import Patience
from system.platforms.digitalocean.ending import ApiError, DeployError, Ending, WrongCallError
from system.platforms.digitalocean.gate import Verdict
from tests.cloud.apps import APP
from tests.cloud.stand_in import StandIn
from tests.probes.conftest import Authority

TEMPLATE = spec.read(Path("system/platforms/digitalocean/app.yaml"))
NAME = TEMPLATE["name"]
SECRETS = {
    component["name"]: {env["key"]: f"value of {env['key']}" for env in component["envs"] if env["type"] == "SECRET"}
    for component in (*TEMPLATE["services"], *TEMPLATE["jobs"])
}
REPOSITORIES = ("seatrial-api", "seatrial-edge", "seatrial-frontend")


def release(name: str) -> spec.Release:
    digit = f"{sum(name.encode()) % 9 + 1}"
    return spec.Release(name, dict.fromkeys(REPOSITORIES, f"sha256:{digit * 64}"))


class Deployer:
    """A deployer with a clock of its own; `gate` says what the gate says, in turn, GO when used up."""

    def __init__(self, cloud: StandIn, authority: Authority) -> None:
        self.cloud, self.said, self.paused = cloud, list[str](), list[float]()
        self.gate: list[Verdict] = []
        self.api = Api("deployer", cloud.endpoint, authority.ca, pause=self.paused.append, timeout_s=5)
        patience = Patience(100, 10, self.said.append, lambda: sum(self.paused))
        self.run = Run(self.api, patience, lambda: self.gate.pop(0) if self.gate else Verdict.GO)

    def deploy(self, name: str, *, dry: bool = False, edit: Callable[[spec.Spec], object] = lambda _: None) -> Ending:
        app = deployments.find(self.api, NAME)
        made = spec.fill(TEMPLATE, release(name), {} if app else SECRETS, app.spec if app else None)
        edit(made)
        return deploying.deploy(Run(self.api, self.run.patience, self.run.verify, dry), made, app)

    def roll_back(self, to: str | None = None, *, dry: bool = False) -> Ending:
        app = deployments.find(self.api, NAME)
        assert app
        return deploying.roll_back(Run(self.api, self.run.patience, self.run.verify, dry), app, to)

    @property
    def serving(self) -> str:
        active = self.cloud.apps.active
        return spec.release_of(active["spec"]) if active else "nothing"

    @property
    def changes(self) -> list[str]:
        harmless = ("/propose", "/validate")
        return [each for each in self.cloud.asked if not each.startswith("GET") and not each.endswith(harmless)]


@pytest.fixture
def deployer(cloud: StandIn, authority: Authority) -> Iterator[Deployer]:
    made = Deployer(cloud, authority)
    yield made
    made.api.close()


@pytest.fixture
def running(deployer: Deployer) -> Deployer:
    """A deployer whose account has release r1."""
    assert deployer.deploy("r1") is Ending.DONE
    deployer.cloud.asked.clear()
    deployer.said.clear()
    return deployer


def test_the_first_release_creates_the_app_with_its_secrets(deployer: Deployer) -> None:
    assert deployer.deploy("r1") is Ending.DONE

    assert deployer.serving == "r1"
    assert deployer.changes == ["POST /v2/apps"]
    assert any("118 USD" in line for line in deployer.said)
    told = json.dumps(deployer.cloud.apps.spec)
    assert "value of" not in told
    assert "EV[replace]" not in told
    assert "value of" not in "".join(deployer.said)


def test_the_next_release_updates_it_and_sends_back_what_is_encrypted(running: Deployer) -> None:
    before = secrets_of(running.cloud.apps.spec)

    assert running.deploy("r2") is Ending.DONE

    assert running.serving == "r2"
    assert running.changes == [f"PUT /v2/apps/{APP}"]
    assert secrets_of(running.cloud.apps.spec) == before
    assert [line.split()[2] for line in running.said if " s  " in line] == [
        "PENDING_DEPLOY,",
        "DEPLOYING,",
        "ACTIVE,",
    ]


def secrets_of(live: spec.Spec | None) -> list[str]:
    assert live
    parts = (*live["services"], *live["jobs"])
    return [env["value"] for part in parts for env in part["envs"] if env["type"] == "SECRET"]


@pytest.mark.parametrize("there", [False, True], ids=["no app yet", "an app"])
def test_a_dry_run_asks_and_changes_nothing(deployer: Deployer, there: bool) -> None:
    if there:
        deployer.deploy("r1")
        deployer.cloud.asked.clear()

    assert deployer.deploy("r2", dry=True) is Ending.DONE

    assert deployer.changes == []
    assert "POST /v2/apps/propose" in deployer.cloud.asked
    assert "nothing was changed" in deployer.said[-1]


@pytest.mark.parametrize("end", ["ERROR", "CANCELED"])
def test_a_deployment_that_fails_is_rolled_back_and_the_spec_of_before_is_the_app_again(
    running: Deployer, end: str
) -> None:
    running.cloud.apps.ends = [end]

    assert running.deploy("r2") is Ending.REFUSED

    assert running.serving == "r1"
    assert spec.release_of(running.cloud.apps.spec or {}) == "r1"
    assert running.cloud.apps.pinned == ""
    assert [each.rsplit("/", 1)[-1] for each in running.changes] == [APP, "rollback", "commit"]
    if end == "ERROR":
        assert any("api: DeployContainerHealthChecksFailed: not healthy in time" in line for line in running.said)


def test_a_deployment_that_is_stuck_is_cancelled_at_the_deadline_and_rolled_back(running: Deployer) -> None:
    running.cloud.apps.ends = [""]
    running.paused.clear()

    assert running.deploy("r2") is Ending.REFUSED

    assert running.serving == "r1"
    assert [each.rsplit("/", 1)[-1] for each in running.changes] == [APP, "cancel", "rollback", "commit"]
    assert sum(running.paused) == 130, "110 until it was given up, 20 for the rollback"
    assert any("not ended within 100 s" in line for line in running.said)


def test_a_release_that_the_gate_refuses_is_rolled_back(running: Deployer) -> None:
    running.gate = [Verdict.NO_GO, Verdict.GO]

    assert running.deploy("r2") is Ending.REFUSED

    assert (running.serving, running.cloud.apps.pinned) == ("r1", "")


def test_a_release_that_could_not_be_verified_stays_and_is_no_success(running: Deployer) -> None:
    running.gate = [Verdict.UNKNOWN]

    assert running.deploy("r2") is Ending.UNVERIFIED

    assert running.serving == "r2"


@pytest.mark.parametrize("said", [Verdict.NO_GO, Verdict.UNKNOWN])
def test_a_rollback_that_is_not_verified_stays_pinned_and_calls_for_somebody(running: Deployer, said: Verdict) -> None:
    running.gate = [Verdict.NO_GO, said]

    assert running.deploy("r2") is Ending.BROKEN

    assert running.serving == "r1"
    assert running.cloud.apps.pinned
    assert "look now" in running.said[-1]


def test_a_first_release_that_is_bad_has_nothing_to_go_back_to(deployer: Deployer) -> None:
    deployer.cloud.apps.ends = ["ERROR"]

    assert deployer.deploy("r1") is Ending.BROKEN

    assert deployer.changes == ["POST /v2/apps"]


def test_a_rollback_that_the_vendor_finds_impossible_says_why(running: Deployer) -> None:
    running.gate = [Verdict.NO_GO]
    running.cloud.apps.unfit = "exceeded_revision_limit"

    with pytest.raises(DeployError, match=r"could not be rolled back: .*exceeded_revision_limit") as raised:
        running.deploy("r2")

    assert raised.value.ending is Ending.BROKEN


def test_a_rollback_by_hand_goes_to_what_served_before_and_is_committed(running: Deployer) -> None:
    running.deploy("r2")
    running.cloud.apps.warnings = ("image_source_missing_digest",)

    assert running.roll_back() is Ending.DONE

    assert (running.serving, running.cloud.apps.pinned) == ("r1", "")
    assert any("warning: image_source_missing_digest" in line for line in running.said)


@pytest.mark.parametrize("why", ["gate", "deployment"])
def test_a_rollback_by_hand_that_is_no_better_is_reverted(running: Deployer, why: str) -> None:
    running.deploy("r2")
    if why == "gate":
        running.gate = [Verdict.NO_GO]
    else:
        running.cloud.apps.ends = ["ERROR"]

    assert running.roll_back() is Ending.REFUSED

    assert (running.serving, running.cloud.apps.pinned) == ("r2", "")


def test_a_rollback_by_hand_without_verdict_stays_pinned_until_it_is_settled(running: Deployer) -> None:
    running.deploy("r2")
    running.gate = [Verdict.UNKNOWN]
    assert running.roll_back() is Ending.UNVERIFIED
    assert running.cloud.apps.pinned

    with pytest.raises(WrongCallError, match="pinned to a rollback"):
        running.deploy("r3")
    assert deploying.settle(running.run, APP, keep=False) is Ending.DONE

    assert (running.serving, running.cloud.apps.pinned) == ("r2", "")


def test_a_dry_rollback_validates_and_changes_nothing(running: Deployer) -> None:
    running.deploy("r2")
    running.cloud.asked.clear()

    assert running.roll_back(dry=True) is Ending.DONE

    assert running.changes == []
    assert f"POST /v2/apps/{APP}/rollback/validate" in running.cloud.asked


def test_there_may_be_nothing_to_roll_back_to(running: Deployer) -> None:
    with pytest.raises(WrongCallError, match="no deployment of before"):
        running.roll_back()


def test_nothing_is_deployed_over_a_deployment_on_its_way(running: Deployer) -> None:
    running.cloud.apps.ends = [""]
    running.cloud.apps.put(running.cloud.apps.spec or {})

    with pytest.raises(WrongCallError, match="another deployment is on its way"):
        running.deploy("r2")

    assert running.changes == []


def test_a_spec_that_the_vendor_refuses_is_never_sent(running: Deployer) -> None:
    with pytest.raises(WrongCallError, match=r"refuses the spec: .*unknown field servces"):
        running.deploy("r2", edit=lambda made: made.update(servces=[]))

    assert running.changes == []


@pytest.mark.parametrize("status", ["429", "500", "503"])
def test_a_read_is_repeated(running: Deployer, status: str) -> None:
    running.cloud.once = [("GET /v2/apps?", status), (f"GET /v2/apps/{APP}/deployments", status)]

    assert running.deploy("r2") is Ending.DONE

    assert 7.0 in running.paused, "Retry-After was not kept"


def test_a_change_that_was_limited_is_repeated_when_the_vendor_says(running: Deployer) -> None:
    running.cloud.once = [(f"PUT /v2/apps/{APP}", "429")]

    assert running.deploy("r2") is Ending.DONE

    assert running.changes == [f"PUT /v2/apps/{APP}"] * 2
    assert 7.0 in running.paused


@pytest.mark.parametrize("wrong", ["500", "503", "lost"])
def test_a_change_is_never_repeated_after_a_failure_that_may_have_done_it(deployer: Deployer, wrong: str) -> None:
    made = spec.fill(TEMPLATE, release("r1"), SECRETS, None)
    deployer.cloud.once = [("POST /v2/apps", wrong)]

    with pytest.raises(ApiError, match="may have been done all the same"):
        deployer.api.change("apps.create", {"spec": made})

    assert deployer.changes == ["POST /v2/apps"]


def test_an_hour_is_not_waited_for(running: Deployer) -> None:
    running.cloud.wrong = "429"
    before = len(running.paused)

    with pytest.raises(ApiError, match="asks for 3600 s") as raised:
        running.deploy("r2")

    assert raised.value.ending is Ending.UNREACHABLE
    assert running.paused[before:] == []


@pytest.mark.parametrize("wrong", ["garbage", "list", "401"])
def test_an_api_that_cannot_be_understood_ends_the_command(running: Deployer, wrong: str) -> None:
    running.cloud.wrong = wrong

    with pytest.raises(ApiError):
        running.deploy("r2")


def test_a_404_is_no_answer_although_the_client_returns_one(running: Deployer) -> None:
    with pytest.raises(ApiError, match="404"):
        running.api.read("apps.get", "00000000-0000-4000-8000-000000000099")


def test_a_silent_api_is_given_up(cloud: StandIn, authority: Authority) -> None:
    cloud.wrong = "silent"
    api = Api("deployer", cloud.endpoint, authority.ca, pause=lambda _: None, timeout_s=1)

    with pytest.raises(ApiError, match="may have been done all the same") as raised:
        api.change("apps.create", {"spec": {}})

    api.close()
    assert raised.value.status is None
    assert len(cloud.asked) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no release"),
        ('{"release": "r1"}', "expected"),
        ('{"release": "../r1", "images": {"a": "b"}}', "no release id"),
        ('{"release": "r1", "images": {}}', "any repository"),
        (json.dumps({"release": "r1", "images": {"a": f"sha256:{'0' * 64}"}}), "no digest"),
    ],
    ids=["no JSON", "no images", "id", "empty", "zeros"],
)
def test_a_release_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "release.json").write_text(text)

    with pytest.raises(WrongCallError, match=words):
        spec.Release.read(tmp_path / "release.json")


def test_everything_that_a_spec_lacks_is_said_at_once() -> None:
    few = spec.Release("r1", {"seatrial-api": f"sha256:{'1' * 64}"})

    with pytest.raises(WrongCallError) as raised:
        spec.fill(TEMPLATE, few, {"api": {"TYPO": "value"}}, None)

    for words in ("no image seatrial-edge", "no value for the secret api.JWT_KEY", "api.TYPO is no secret"):
        assert words in str(raised.value)


def test_a_secrets_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(SECRETS))
    file.chmod(0o640)
    with pytest.raises(WrongCallError, match="others can read it"):
        spec.read_secrets(str(file))

    file.chmod(0o600)
    assert spec.read_secrets(str(file)) == SECRETS


def test_secrets_that_are_no_yaml_are_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text("api: {KEY: 'hush")
    file.chmod(0o600)

    with pytest.raises(WrongCallError) as raised:
        spec.read_secrets(str(file))

    assert "hush" not in str(raised.value)


def test_what_is_stuck_even_against_cancelling_is_told(running: Deployer, monkeypatch: pytest.MonkeyPatch) -> None:
    running.cloud.apps.ends = [""]
    running.cloud.apps.put(running.cloud.apps.spec or {})
    monkeypatch.setattr(running.api, "change", lambda *_: {})

    ended = deployments.wait(running.api, APP, running.cloud.apps.deployments[0]["id"], running.run.patience)

    assert (ended.good, "without effect" in ended.why) == (False, True)
