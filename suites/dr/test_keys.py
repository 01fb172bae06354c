"""The drill for a stolen key: everything is replaced, without waiting for anybody."""

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, require
from seatrial.drills import Drill
from suites.client import ready_asset, signed_in
from suites.dr._steady import steady
from suites.security._proofs import SECRETS, Proof, proof_of


@check(
    "DR-KEY-01",
    severity=BLOCKER,
    component="platform",
    plan=Plan(
        strikes="every key and password of the services is replaced at once, without overlap",
        noticed="everybody: links and sessions die, people sign in again",
        undone="completes a rotation that was begun; the old values never come back",
        undo_s=30,
        answered_by=("SEC-SEC-01", "SEC-SEC-03", "SEC-SEC-05"),
    ),
)
def test_after_a_compromise_everything_is_replaced(disrupt: Disrupt) -> None:
    """All keys taken for stolen: each is replaced, the old ones open nothing, and the product works again, within the target.

    Why it matters: whoever holds one key of a system may hold others. The night on which that is found out is no time to
    find the one secret that nobody has ever replaced, or that stays valid where nobody looked.

    How it is measured: for every secret of the services (keys of links and tokens; passwords of PostgreSQL and Redis; keys of
    the object store) an independent client proves that its value opens something. Then all are replaced, one after the other,
    each old value retired at once. Manipulation check: the profile's references give another value for each. The clock runs
    from the first replacement until no old value opens anything at any door (targets.compromise_s for all of it), every instance
    uses the new ones, and a new session lists its assets. Then an upload must become a preview.

    Not covered: that nobody notices, which a planned rotation promises (SEC-SEC-04); secrets of administrators and people; the keys
    of backups and of restores, which read every master and every backup; what the thief has read.
    """
    if not disrupt.platform.offers("rotate"):
        raise Invalid("the platform does not offer rotate")
    session = signed_in(disrupt)
    asset = ready_asset(disrupt, session)
    proofs = {name: proof_of(disrupt, name, session, asset) for name in SECRETS}
    stolen = {name: disrupt.credential(name) for name in SECRETS}
    if closed := [name for name, proof in proofs.items() if not proof.opens()]:
        raise Invalid(f"values that open nothing before they are replaced: {', '.join(closed)}")
    within_s = float(disrupt.target("compromise_s"))
    with Drill(disrupt, steady(disrupt, session), within_s=float(disrupt.target("ready_s"))) as drill:
        drill.strike(
            f"{len(SECRETS)} secrets replaced",
            lambda: _replace_all(disrupt),
            lambda: all(disrupt.credential(name) != value for name, value in stolen.items()),
        )
        session.tokens = session.again().tokens  # everybody has to sign in again
        drill.event("signed in again")
        drill.recover(
            {
                "old values dead": lambda: _dead(proofs),
                "new values in use": lambda: _used(proofs),
                "assets listed": lambda: session.call("GET", "/v1/assets?limit=1").status == 200,
            },
            within_s=within_s,
            budgets_s={"new values in use": within_s},
            where="platform",
        )
        drill.require_steady()
    ready_asset(disrupt, session)


def _replace_all(disrupt: Disrupt) -> None:
    for name in SECRETS:
        disrupt.platform.rotate(name)
        disrupt.platform.retire(name)


def _dead(proofs: dict[str, Proof]) -> bool:
    still = {name: where for name, proof in proofs.items() if (where := proof.opens())}
    require(not still, "every old value refused", f"still opening: {still}", "platform")
    return True


def _used(proofs: dict[str, Proof]) -> bool:
    for proof in proofs.values():
        proof.used()
    return True
