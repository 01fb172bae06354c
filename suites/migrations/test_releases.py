"""Two releases and one database: whatever the order in which schema and code change, the one that serves goes on."""

from seatrial import BLOCKER, Destroy, Failure, Invalid, check, require
from seatrial.errors import EnvironmentFault
from seatrial.platform import Previous
from suites.client import Session, every_instance_runs, ready_asset, signed_in, small_clip
from suites.migrations._scratch import APPLIED

CALLS = ("migrate", "previous", "rollback", "releases")


@check("MIG-07", severity=BLOCKER, component="migrations", alone=True)
def test_the_new_release_serves_on_the_old_schema_and_the_old_release_on_the_new(destroy: Destroy) -> None:
    """The release of now serves on the schema from before its newest revision, and the release before it on the newest.

    Why it matters: code and schema never change in the same instant. Old instances go on while the revision is applied,
    new ones start before it, and after a rollback of the code the schema stays: whoever renames a column in one step
    has an outage in each of these.

    How it is measured: by deploying both. The live schema is taken back by one revision, which may lose what that revision
    holds, and the release of now is used there: sign in, upload, wait for the preview, fetch it by a signed link. The schema
    goes up to the release's newest revision, after a backup, and the release before is deployed at once on every instance, each
    of which must say so. It is used in the same way, and whoever was signed in before still is, and sees her film. Both are
    taken back at the end. The platform keeps a copy of the release before, and names its commit; where it has none, or where
    that is the release of now, the check is INVALID.

    Not covered: both at the same time behind the balancer, calls with an Idempotency-Key, promotion, the pages, revisions before
    the last.
    """
    for call in CALLS:
        if not destroy.platform.offers(call):
            raise Invalid(f"the platform does not offer {call}")
    applied = [str(row["version"]) for row in destroy.pg.rows(APPLIED)]
    if len(applied) < 2:
        raise Invalid("with fewer than two revisions there is no schema to go back to")
    before, head = applied[-2:]
    previous, now = destroy.platform.previous(), destroy.platform.status().release
    if previous.release == now:
        raise Invalid(f"the release before ({previous.commit}) is the one of now: nothing was changed since")
    used = None
    with destroy.cases(at_least=2) as cases:
        moved = destroy.platform.migrate_to(before, back_to=head)
        require(moved["reverted"] == [head], f"{head} taken back", moved)
        with cases("the release of now on the schema from before"):
            used = _use(destroy)
        newest = destroy.platform.migrate_to(None, back_to=head)["head"]
        with cases("the release before on the newest schema"):
            _deploy(destroy, previous)
            _use(destroy)
            if used:
                _play(destroy, *used)
    destroy.evidence("schemas", {"before": before, "newest": newest})
    destroy.evidence("releases", {"now": now, "before": previous.release, "commit of the one before": previous.commit})


def _deploy(destroy: Destroy, previous: Previous) -> None:
    """Deploy it; that it does not even become ready is a finding."""
    try:
        destroy.platform.deploy_built(previous.release)
    except EnvironmentFault as error:
        change = destroy.platform.releases()[0]
        if (change.release, change.outcome) == (previous.release, "rolled back"):
            raise Failure("the release before becomes ready on the newest schema", change.reason) from None
        raise Invalid(f"the release before could not be deployed: {error}") from None
    if not every_instance_runs(destroy, previous.release):
        raise Invalid(f"not every instance says that it runs {previous.release}")


def _use(destroy: Destroy) -> tuple[Session, str]:
    """Do what the product is for, once; gives who did it, and her film."""
    session = signed_in(destroy)
    asset = ready_asset(destroy, session, small_clip())
    require(asset.status == "ready", "a preview that is ready", asset.status)
    _play(destroy, session, asset.id)
    return session, asset.id


def _play(destroy: Destroy, session: Session, asset_id: str) -> None:
    answer = destroy.http.request("GET", session.playback(asset_id).url)
    require(answer.status == 200 and answer.body, "the preview by its signed link", answer)
