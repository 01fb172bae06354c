"""The drill for a region that is gone: everything made anew in an empty place."""

from seatrial import BLOCKER, Destroy, Invalid, Plan, check, require
from seatrial.drills import Drill, Ledger
from suites.client import Session, remove, require_removable_masters, signed_in, small_clip
from suites.dr import _region as region
from suites.dr._restored import archived
from suites.dr._steady import steady
from suites.dr._uploads import Uploads

BEFORE, LATE = 3, 4
REBUILT, SERVED = "rebuilt", "steady for clients"


@check(
    "DR-ALL-01",
    severity=BLOCKER,
    component="platform",
    alone=True,
    plan=Plan(
        strikes="the region is lost: everything but the object store and what is kept for a rebuild is killed and taken away",
        noticed="everybody, for targets.region_rebuilt_s at the most; what came after the last archived segment is lost",
        undone="puts the lost region back, unless the rebuilt one has begun to archive: then that one stays",
        undo_s=120.0,
        answered_by=("INF-PG-07", "SEC-SEC-03"),
    ),
)
def test_a_lost_region_is_rebuilt_in_an_empty_place(destroy: Destroy) -> None:
    """The region is lost: one command rebuilds the environment in an empty place within targets.region_rebuilt_s, with all that was archived and every key.

    Why it matters: regions burn, accounts are closed, somebody destroys the wrong project. Then there is what was kept elsewhere,
    and nothing else: a secret that stood in the region alone, or a bucket that nobody thought of, is noticed on that day.

    How it is measured: clips are uploaded, each a preview and one a master, and a playback link is taken. While nothing changes,
    every row of accounts, assets, jobs and outbox and every object of the masters and previews is digested. The log's segment is
    ended and archived; some more entries are made, which nobody promises. Then everything is killed with SIGKILL and taken
    away, secrets, certificates and releases, too; what is left is the object store, which is another provider's, and what is kept
    for a rebuild: the plan with the encrypted secrets, and its key. Manipulation check: nobody answers, at the public door and at
    the platform's own. The one command of docs/rebuild.md runs. Clock: from the strike until it has ended, every part is ready,
    those that watch the others included, and clients see the steady state (targets.region_rebuilt_s for both; the evidence has
    each step). Then every row and object of before must be there unchanged, the master with it; the session of before must go
    on, and the password sign in again; the link of before must play the same bytes; each upload be there once, and a new one
    become a preview; the log be archived again, and the plan be up to date. Of the late entries those lost are counted.

    Not covered: how much the schedule of archiving would have lost, since the drill has just archived by itself (INF-PG-07
    holds the newest segment against targets.rpo_s); the object store's provider lost (none of it is kept twice); DNS that must
    be pointed at the new place; getting the machines, which is the cloud's time; what was set by hand, which is lost, and
    secrets that are in the plan of others.
    """
    if missing := [call for call in region.WAYS if not destroy.platform.offers(call)]:
        raise Invalid(f"the platform does not offer {', '.join(missing)}")
    require_removable_masters(destroy)
    session = signed_in(destroy)
    uploads, late = Uploads(destroy, session), Ledger()
    limit_s, see = float(destroy.target("region_rebuilt_s")), steady(destroy, session)
    with Drill(destroy, see, within_s=float(destroy.target("ready_s"))) as drill:
        assets = uploads.short(BEFORE)
        session.wait_for_all(assets, within_s=float(destroy.target("preview_s")))
        promoted = session.promote(assets[0].id)
        link = session.playback(assets[1].id).url
        before = region.play(destroy, link)
        if before.status != 200:
            raise Invalid(f"the playback link does not play before anything is struck: status {before.status}")
        held = region.Held.now(destroy)
        archived(destroy)
        for number in range(LATE):
            _entry(destroy, session, late, f"late {number}")
        drill.strike("the region lost", destroy.platform.lose_region, lambda: region.gone(destroy))
        region.rebuild(destroy)
        destroy.evidence("the rebuild's own steps, in s", dict(destroy.platform.status().reached))
        drill.recover(
            {REBUILT: lambda: destroy.platform.status().ready, SERVED: lambda: see() is None},
            within_s=limit_s,
            budgets_s={REBUILT: limit_s, SERVED: limit_s},
            where="platform",
        )
        with destroy.cases(at_least=7) as cases:
            with cases("every row"):
                held.require_rows(destroy)
            with cases("every object"):
                held.require_objects(destroy)
            with cases("the master"):
                region.require_promoted(destroy, session, promoted)
            with cases("sign-in"):
                again = session.again()
                again.sign_out()
            with cases("the link of before"):
                played = region.play(destroy, link)
                same = played.status == 200 and played.body == before.body
                seen = (
                    played.error or f"status {played.status}, {len(played.body)} bytes"
                )  # the link itself opens something
                require(same, "the playback link of before plays the same bytes", seen, "edge")
            with cases("every acknowledged upload, and a new one"):
                uploads.upload("after the rebuild", small_clip().content)
                uploads.require_whole(BEFORE + 1, drill.struck_s)
            with cases("ready for the next time"):
                archived(destroy)
                require(destroy.platform.plan().current, "the plan for a rebuild up to date", "it is not", "platform")
        drill.require_steady()
        audit = late.audit(_titles(session, late.asked), drill.struck_s)
        destroy.evidence("RPO, entries after the last archived segment", audit.to_json())


def _entry(destroy: Destroy, session: Session, ledger: Ledger, title: str) -> None:
    """Announce an upload, which writes a row and no object."""
    name = ledger.ask(f"late {destroy.marker} {title}")
    created = session.create(name, small_clip().content)
    destroy.cleanup(remove, session, created.asset.id)
    ledger.acknowledge(name)


def _titles(session: Session, asked: list[str]) -> list[str]:
    return [each.title for each in session.assets() if each.title in asked]
