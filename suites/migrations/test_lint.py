"""The linter: no revision does what locks a filled table or breaks the release that still runs."""

from datetime import UTC, datetime
from pathlib import Path

from seatrial import MAJOR, Invalid, Observe, check, require
from suites.migrations import _lint as lint
from suites.migrations._scratch import FOLDER, revisions

WAIVERS = Path(__file__).with_name("lint_waivers.toml")


@check("MIG-06", severity=MAJOR, component="migrations")
def test_the_linter_finds_nothing_unsafe_in_the_revisions(observe: Observe) -> None:
    """Squawk finds nothing in any revision's way up, or what it finds is waived with owner, reason and end.

    Why it matters: a column that is NOT NULL without a plan, an index built without CONCURRENTLY, or a type changed in
    place are fine on a developer's empty table, and stop every request on a filled one.

    How it is measured: each revision of the tree is given to squawk as the runner sends it: with its lock_timeout and
    statement_timeout set before it, and inside a transaction unless it says otherwise. In the same run squawk must find
    what is wrong in a statement that is known to be bad. A finding passes only if suites/migrations/lint_waivers.toml
    names its file and rule; a waiver that has expired, runs for more than 90 days, has no reason or waives nothing is a
    failure, and so is a comment in a revision that switches the linter off.

    Not covered: the ways down, which drop tables by their nature; what really locks (MIG-05).
    """
    major = int(observe.target("postgres_major"))
    bad = lint.findings(lint.Script(lint.KNOWN_BAD, 0, transaction=True), major)
    if lint.KNOWN_BAD_RULE not in {rule for _, rule, _ in bad}:
        raise Invalid("squawk finds nothing in a statement that is known to be bad, so its silence says nothing")
    today = datetime.now(UTC).date()
    waivers = {(each.file, each.rule): each for each in lint.waivers(WAIVERS)}
    used: dict[tuple[str, str], int] = {}
    versions = revisions(observe.tree)
    with observe.cases(at_least=len(versions)) as cases:
        for path in sorted((observe.tree / FOLDER).glob("*.sql")):
            text = path.read_text()
            found = lint.findings(lint.script(text), major)
            open_ones = []
            for line, rule, message in found:
                if (path.name, rule) in waivers:
                    used[path.name, rule] = used.get((path.name, rule), 0) + 1
                else:
                    open_ones.append(f"line {line}: {rule}: {message}")
            if "squawk-ignore" in text:
                open_ones.append("a comment switches the linter off")
            with cases(path.name):
                require(not open_ones, "no finding of squawk without a waiver", "; ".join(open_ones))
        for key, waiver in waivers.items():
            wrong = lint.unfit(waiver, today) or ("" if key in used else "waives nothing")
            with cases(f"waiver of {waiver.rule} in {waiver.file}"):
                require(not wrong, "a waiver with owner, reason and a day not yet past, that is used", wrong)
    observe.evidence("waived", [f"{file}: {rule}, {count} times" for (file, rule), count in sorted(used.items())])
