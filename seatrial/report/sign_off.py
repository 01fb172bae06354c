"""A list of rows from a file, each answered by the checks that it names, and what that says about going live."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from seatrial.errors import UsageError
from seatrial.outcome import Outcome, Result
from seatrial.profile_types import Section
from seatrial.report.checklist import ANSWER, INAPPLICABLE, answer, head
from seatrial.report.pages import cell

__all__ = ["Rows", "Signed", "sign_off"]

YES, HANDS = ANSWER[Outcome.PASSED], "**by hand**"
# The worst answer of a row's checks is the row's.
_WORST_FIRST = (ANSWER[Outcome.FAILED], ANSWER[Outcome.INVALID], ANSWER[Outcome.NOT_RUN], YES, INAPPLICABLE)
_LEGEND = (
    "A row says *yes* when each of its checks was measured and holds; one that could not be measured or did not run is no yes. "
    "*By hand* is what no check can tell: whoever signs has looked."
)


class Row(Section):
    """One thing that must be so; `by_hand` says what a person must look at, where checks do not tell all of it."""

    what: str
    checks: tuple[str, ...] = ()
    by_hand: str = ""

    @model_validator(mode="after")
    def _answered_by_something(self) -> "Row":
        if not (self.checks or self.by_hand):
            raise ValueError(f"{self.what!r} has neither checks nor by_hand: nothing would answer it")
        return self


class Part(Section):
    """Rows under one heading."""

    title: str
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


class Rows(Section):
    """A list: its title, its parts, and who signs."""

    title: str
    signed_by: Annotated[tuple[str, ...], Field(min_length=1)]
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    @classmethod
    def read(cls, path: Path) -> "Rows":
        """Read a list; raises UsageError that names the place."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text()))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{path}: {error}") from None
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
            raise UsageError(f"{path}: {said}") from None

    @property
    def named(self) -> frozenset[str]:
        """Every check that a row names."""
        return frozenset(name for part in self.parts for row in part.rows for name in row.checks)


@dataclass(frozen=True)
class Signed:
    """The list as Markdown, and what it says in one line."""

    text: str
    summary: str


def sign_off(rows: Rows, verdict: Mapping[str, Any], *, checks: str) -> Signed:
    """Answer a list from verdict.json; `checks` is where the checks' pages are, from the list's folder."""
    results = {row["id"]: Result.from_json(row) for row in verdict["results"]}
    body, answers = list[str](), list[str]()
    for part in rows.parts:
        body += ["", f"## {part.title}", "", "| holds | what must be so | answered by |", "|---|---|---|"]
        for row in part.rows:
            worst = _worst(row.checks, results)
            answers.append(worst)
            by = [f"[{name}]({checks}/{name}.md) {_of(name, results)}" for name in row.checks]
            by += [cell(row.by_hand)] if row.by_hand else []
            holds = worst if not row.by_hand else HANDS if worst in {YES, HANDS} else worst
            body.append(f"| {holds} | {cell(row.what)} | {'; '.join(by)} |")
    hands = sum(bool(row.by_hand) for part in rows.parts for row in part.rows)
    summary = _summary(answers, hands, verdict)
    signatures = [f"| {who} | | | |" for who in rows.signed_by]
    lines = [*head(rows.title, verdict), "", f"**{summary}**", "", _LEGEND, *body, "", "## Sign-off", ""]
    lines += [f"For release `{verdict['release']}` in {verdict['environment']}, and no other.", ""]
    lines += ["| who | name | date | has looked at what is by hand |", "|---|---|---|---|", *signatures]
    return Signed("\n".join(lines) + "\n", summary)


def _of(name: str, results: Mapping[str, Result]) -> str:
    return answer(results[name]) if name in results else f"{ANSWER[Outcome.NOT_RUN]} (no result)"


def _worst(names: Iterable[str], results: Mapping[str, Result]) -> str:
    seen = {answer(results[name]) if name in results else ANSWER[Outcome.NOT_RUN] for name in names}
    return next((each for each in _WORST_FIRST if each in seen), HANDS)


def _summary(answers: list[str], hands: int, verdict: Mapping[str, Any]) -> str:
    holding = {YES, HANDS, INAPPLICABLE}
    open_rows = sum(each not in holding for each in answers)
    by_hand = f"; {hands} need somebody's look" if hands else ""
    if verdict["verdict"] != "GO" or verdict["scope"] != "all" or open_rows:
        said = f"verdict {verdict['verdict']} for scope {verdict['scope']}"
        return f"Not ready: {said}, {open_rows} of {len(answers)} rows are not answered by yes{by_hand}"
    return f"Ready as far as checks can tell: {len(answers)} rows{by_hand}"
