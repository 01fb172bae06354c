"""The drill for a stolen key: everything is replaced, without waiting for anybody."""

from seatrial import BLOCKER, Disrupt, Invalid, Plan, check, require
from seatrial.drills import Drill
from suites.client import Client, another_account, end, ready_asset, signed_in
from suites.dr._steady import steady
from suites.security._proofs import SECRETS, Proof, proof_of


@check(
    "DR-KEY-01",
    severity=BLOCKER,
    component="platform",
    plan=Plan(
        strikes="every key and password of the services is replaced at once, without overlap, and an account's password",
        noticed="everybody: links and sessions die, people sign in again",
        undone="completes a rotation that was begun, sets the password of the account's file; the old values never come back",
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
    uses the new ones, and a new session lists its assets. Then an upload must become a preview. At last another account, of
    which the thief holds a session, is given another password: access token, refresh token and the old password must be 401, the
    new one must sign in.

    Not covered: that nobody notices, which a planned rotation promises (SEC-SEC-04); secrets of administrators; the keys of backups
    and of restores, which read every master and every backup; what the thief has read.
    """
    for call in ("rotate", "account"):
        if not disrupt.platform.offers(call):
            raise Invalid(f"the platform does not offer {call}")
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
    _require_locked_out(disrupt, another_account(disrupt))


def _replace_all(disrupt: Disrupt) -> None:
    for name in SECRETS:
        disrupt.platform.rotate(name)
        disrupt.platform.retire(name)


def _require_locked_out(disrupt: Disrupt, number: int) -> None:
    """Give an account another password, and try what was its own before."""
    email, old = disrupt.account_number(number)
    stolen = signed_in(disrupt, number)
    disrupt.platform.replace_password(email)
    _, new = disrupt.account_number(number)
    if new == old:
        raise Invalid(f"the password of {email} is the one of before")
    tokens, post = stolen.tokens, disrupt.http.post
    refused = {
        "an access token": stolen.call("GET", "/v1/assets?limit=1"),
        "a refresh token": post("api:/v1/sessions/refresh", json={"refresh_token": tokens.refresh_token}),
        "the password": post("api:/v1/sessions", json={"email": email, "password": old}),
    }
    for what, answer in refused.items():
        require(answer.status == 401, f"401 for {what} of before another was set", f"{answer}", "api")
    disrupt.cleanup(end, Client(disrupt.http).sign_in(email, new))


def _dead(proofs: dict[str, Proof]) -> bool:
    still = {name: where for name, proof in proofs.items() if (where := proof.opens())}
    require(not still, "every old value refused", f"still opening: {still}", "platform")
    return True


def _used(proofs: dict[str, Proof]) -> bool:
    for proof in proofs.values():
        proof.used()
    return True
