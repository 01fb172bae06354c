"""A release goes out, is verified, and is taken back by itself when it is not good."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from system.platforms.digitalocean import deployments
from system.platforms.digitalocean.api import Api
from system.platforms.digitalocean.deployments import App, Ended, Patience
from system.platforms.digitalocean.ending import ApiError, DeployError, Ending, WrongCallError
from system.platforms.digitalocean.gate import Verdict
from system.platforms.digitalocean.spec import Spec, release_of

__all__ = ["Run", "deploy", "roll_back", "settle"]


@dataclass(frozen=True)
class Run:
    """What a command works with.

    Attributes:
        verify: asks the gate.
        dry: nothing is changed.
    """

    api: Api
    patience: Patience
    verify: Callable[[], Verdict]
    dry: bool = False

    def tell(self, line: str) -> None:
        """Say one line to whoever started this."""
        self.patience.tell(line)


def deploy(run: Run, spec: Spec, app: App | None) -> Ending:
    """Bring a filled-in spec out; `app` is the one of that name, None when there is none yet."""
    if app is not None:
        _require_at_rest(app)
    _propose(run, spec, app)
    before = app.deployment("active") if app else None
    if run.dry:
        run.tell(
            f"dry run: {'update ' + app.id if app else 'create an app'}, then wait, then gate; nothing was changed"
        )
        return Ending.DONE
    known = {each["id"] for each in deployments.newest(run.api, app.id)} if app else set()
    if app:
        run.api.change("apps.update", app.id, {"spec": spec})
        where = app.id
    else:
        where = str(deployments.part(run.api.change("apps.create", {"spec": spec}), "app")["id"])
    started = _started(run, where, known)
    run.tell(f"deploying release {release_of(spec)} as {started}")
    ended = deployments.wait(run.api, where, started, run.patience)
    if ended.good:
        verdict = run.verify()
        if verdict is Verdict.GO:
            run.tell(f"deployed: release {release_of(spec)} serves, and the gate says GO")
            return Ending.DONE
        if verdict is Verdict.UNKNOWN:
            run.tell(
                "deployed, and not verified: the gate gave no verdict; look at its output, then gate again or roll back"
            )
            return Ending.UNVERIFIED
        run.tell("the gate says NO-GO")
    else:
        run.tell(f"the deployment ended as {ended.phase}: {ended.why or 'the vendor gives no reason'}")
    if before is None:
        run.tell("there is no deployment of before to roll back to")
        return Ending.BROKEN
    return _take_back(run, where, before["id"])


def roll_back(run: Run, app: App, to: str | None) -> Ending:
    """Roll back to a deployment, or to the one that served before the active one; reverted when that is no better."""
    _require_at_rest(app)
    target = to or _served_before(run, app)
    _validate(run, app.id, target)
    if run.dry:
        run.tell(f"dry run: roll back to {target}, then wait, then gate; nothing was changed")
        return Ending.DONE
    ended = _start_rollback(run, app.id, target)
    verdict = run.verify() if ended.good else Verdict.NO_GO
    if verdict is Verdict.GO:
        return settle(run, app.id, keep=True)
    if verdict is Verdict.UNKNOWN:
        run.tell("rolled back, and not verified: the app stays pinned until `commit` or `revert`")
        return Ending.UNVERIFIED
    run.tell(
        f"the rollback is not good ({ended.why or ended.phase if not ended.good else 'the gate says NO-GO'}): it is reverted"
    )
    reverted = settle(run, app.id, keep=False)
    return Ending.REFUSED if reverted is Ending.DONE else reverted


def settle(run: Run, app: str, *, keep: bool) -> Ending:
    """End a rollback: commit it, or revert to what was deployed before it; either unpins the app."""
    if run.dry:
        run.tell(f"dry run: {'commit' if keep else 'revert'} the rollback of {app}; nothing was changed")
        return Ending.DONE
    if keep:
        run.api.change("apps.commit_rollback", app)
        run.tell("the rollback is committed: what it brought back is the app now")
        return Ending.DONE
    known = {each["id"] for each in deployments.newest(run.api, app)}
    run.api.change("apps.revert_rollback", app)
    ended = deployments.wait(run.api, app, _started(run, app, known), run.patience)
    run.tell(
        f"the rollback is reverted, and its deployment ended as {ended.phase}{': ' + ended.why if ended.why else ''}"
    )
    return Ending.DONE if ended.good else Ending.BROKEN


def _take_back(run: Run, app: str, to: str) -> Ending:
    """Bring back what served before a release that is not good; only what the gate says GO of is committed."""
    try:
        _validate(run, app, to)
        ended = _start_rollback(run, app, to)
        verdict = run.verify() if ended.good else Verdict.NO_GO
        if verdict is Verdict.GO:
            settle(run, app, keep=True)
            return Ending.REFUSED
    except DeployError as error:
        raise DeployError(f"the release is bad and could not be rolled back: {error}") from None
    how = f"the gate: {verdict.value}" if ended.good else f"{ended.phase}: {ended.why}"
    run.tell(
        f"rolled back, and that is not verified ({how}): the app stays pinned until `commit` or `revert`; look now"
    )
    return Ending.BROKEN


def _propose(run: Run, spec: Spec, app: App | None) -> None:
    body: dict[str, Any] = {"spec": spec, **({"app_id": app.id} if app else {})}
    try:
        answer = run.api.read("apps.validate_app_spec", body)
    except ApiError as error:
        if error.status in {400, 422}:
            raise WrongCallError(f"the vendor refuses the spec: {error}") from None
        raise
    if not app and answer.get("app_name_available") is False:
        raise WrongCallError(f"the name {spec['name']} is taken; free would be {answer.get('app_name_suggestion')}")
    run.tell(f"the spec is valid; the app costs {answer.get('app_cost', 'an unknown number of')} USD a month")


def _require_at_rest(app: App) -> None:
    if pinned := app.deployment("pinned"):
        raise WrongCallError(f"the app is pinned to a rollback ({pinned['id']}): `commit` or `revert` it first")
    if moving := app.deployment("in_progress") or app.deployment("pending"):
        raise WrongCallError(f"another deployment is on its way: {deployments.told(moving)}")


def _started(run: Run, app: str, known: set[str]) -> str:
    """Return the deployment that a change has made; it may take a moment to be listed."""
    begun = run.patience.clock()
    while True:
        for each in deployments.newest(run.api, app):
            if each["id"] not in known:
                return str(each["id"])
        if run.patience.clock() - begun > run.patience.within_s:
            raise DeployError(f"no deployment was made within {run.patience.within_s:g} s after the change was taken")
        run.api.pause(run.patience.every_s)


def _served_before(run: Run, app: App) -> str:
    active = app.deployment("active")
    for each in deployments.newest(run.api, app.id):
        if each.get("phase") == "SUPERSEDED" and (active is None or each["id"] != active["id"]):
            return str(each["id"])
    raise WrongCallError("no deployment of before is known to roll back to; name one with --to")


def _validate(run: Run, app: str, to: str) -> None:
    answer = run.api.read("apps.validate_rollback", app, {"deployment_id": to, "skip_pin": False})
    for warning in answer.get("warnings") or []:
        run.tell(f"warning: {warning.get('code')}: {warning.get('message')}")
    if not answer.get("valid"):
        error = answer.get("error") or {}
        raise DeployError(f"no rollback to {to} is possible: {error.get('code')}: {error.get('message')}")


def _start_rollback(run: Run, app: str, to: str) -> Ended:
    answer = run.api.change("apps.create_rollback", app, {"deployment_id": to, "skip_pin": False})
    made = str(deployments.part(answer, "deployment")["id"])
    run.tell(f"rolling back to {to} as {made}")
    return deployments.wait(run.api, app, made, run.patience)
