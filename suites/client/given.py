"""What many checks start from: a session, and an asset whose preview is ready; both end with the check."""

import secrets

from seatrial import Exercise, Invalid
from seatrial.facets.s3 import ServiceKey
from suites.client.answers import Asset
from suites.client.clips import Clip, generated_clip
from suites.client.session import LONGEST_RETENTION_S, Client, Session, unpromised


def small_clip(container: str = "mp4") -> Clip:
    """Return a clip that costs the worker little, for checks that are not about the preview."""
    return generated_clip(seed=1, duration_s=1, width=320, height=240, frames_per_s=10, container=container)


def signed_in(exercise: Exercise, account: int | None = None, via: str | None = None) -> Session:
    """Sign in as the worker's own account, or as another declared one, and sign out when the check ends."""
    email, password = exercise.account if account is None else exercise.account_number(account)
    session = Client(exercise.http, via).sign_in(email, password)
    exercise.cleanup(end, session)
    return session


def another_account(exercise: Exercise) -> int:
    """Choose a declared account that is not the worker's own."""
    mine = exercise.account[0]
    numbers = range(len(exercise.profile.accounts))
    others = [number for number in numbers if exercise.account_number(number)[0] != mine]
    if not others:
        raise Invalid("the profile declares one account, and this takes two")
    return others[-1]


def end(session: Session) -> None:
    """Sign out; a session that the check has lost, or outlived, is no error here."""
    answer = session.call("DELETE", "/v1/sessions/current")
    if answer.status not in {204, 401}:
        raise unpromised(answer, 204, "api")


def remove(session: Session, asset_id: str) -> None:
    """Remove an asset, by another session of the same account if this one has ended."""
    if session.call("GET", f"/v1/assets/{asset_id}").status != 401:
        session.remove(asset_id)
        return
    other = session.again()
    other.remove(asset_id)
    other.sign_out()


def made_up_address() -> str:
    """Return an address that nobody has, of the prefix for documents (RFC 3849), and most likely never used before."""
    return "2001:db8:" + ":".join(f"{1 + secrets.randbelow(0xFFFE):x}" for _ in range(6))


def remove_object(key: ServiceKey, bucket: str, name: str, operation: str = "delete_object", **which: str) -> None:
    """Remove an object, or which of its versions or uploads is named; one that is gone is fine, a refusal Invalid."""
    answer = key.call(operation, Bucket=bucket, Key=name, **{each: value for each, value in which.items() if value})
    if not answer.ok and answer.status != 404:
        raise Invalid(f"own {bucket}/{name} could not be removed: {answer}")


def masters_are_removable(exercise: Exercise) -> bool:
    """Say whether a master that the check makes can be removed by it (targets.master_retention_s)."""
    return float(exercise.target("master_retention_s")) <= LONGEST_RETENTION_S


def require_removable_masters(exercise: Exercise) -> None:
    """Raise Invalid where a check that promotes would leave its master behind."""
    if not masters_are_removable(exercise):
        retained_s = float(exercise.target("master_retention_s"))
        raise Invalid(f"masters are retained for {retained_s:g} s: this check could not remove its own")


def uploaded_asset(exercise: Exercise, session: Session, clip: Clip, title: str = "") -> Asset:
    """Upload a clip under the check's marker and remove the asset when the check ends."""
    created = session.create(f"{exercise.marker} {title}".strip(), clip.content)
    exercise.cleanup(remove, session, created.asset.id)
    if created.upload is None:
        return created.asset
    return session.complete(created.asset.id, session.put(created.upload, clip.content))


def ready_asset(exercise: Exercise, session: Session, clip: Clip | None = None) -> Asset:
    """Upload a clip and wait until its preview is ready."""
    asset = uploaded_asset(exercise, session, clip or small_clip())
    return session.wait(asset.id, within_s=float(exercise.target("preview_s")))
