"""What a run came to: tables for the terminal, mutants.json for machines, mutants.html with the survivors' diffs for people."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from seatrial.mutation._mutants import Mutant
from seatrial.mutation._tried import MEANING, End, Score, Tried
from seatrial.report._files import Folder, printable

_NOTICED = (End.KILLED, End.TIME_OUT)
_WORDS = 90


@dataclass(frozen=True)
class Report:
    """One run, as far as it came.

    Attributes:
        drawn: the sample, in the order in which it is tried.
        tried: how each ended that was tried or is equivalent, by mutant.
        population: how many mutants each service has.
        facts: what else the reports name: environment, seed, tree.
        left_out: checks that could not run, with the reasons.
    """

    drawn: list[Mutant]
    tried: Mapping[str, Tried]
    population: Mapping[str, int]
    facts: Mapping[str, str]
    left_out: list[str]

    @property
    def score(self) -> Score:
        """The score of all."""
        return Score.of(each.end for each in self.tried.values())

    def rows(self, key: Callable[[Mutant], str]) -> dict[str, Score]:
        """Return a score for each service, or operator."""
        groups: dict[str, list[End]] = {}
        for mutant in self.drawn:
            if tried := self.tried.get(mutant.id):
                groups.setdefault(key(mutant), []).append(tried.end)
        return {name: Score.of(groups[name]) for name in sorted(groups)}

    def ended(self, *ends: End) -> list[tuple[Mutant, Tried]]:
        """Return the mutants that ended so."""
        pairs = ((mutant, self.tried[mutant.id]) for mutant in self.drawn if mutant.id in self.tried)
        return sorted((pair for pair in pairs if pair[1].end in ends), key=lambda pair: (pair[0].file, pair[0].line))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **self.facts,
            "population": dict(self.population),
            "drawn": len(self.drawn),
            "score": _figures(self.score),
            "services": {name: _figures(score) for name, score in self.rows(lambda each: each.service).items()},
            "operators": {name: _figures(score) for name, score in self.rows(lambda each: each.operator).items()},
            "left_out": self.left_out,
            "mutants": [
                {**tried.to_json(), "service": mutant.service, "place": mutant.place, "operator": mutant.operator}
                | ({} if tried.end in _NOTICED else {"diff": mutant.diff})
                for mutant, tried in self.ended(*End)
            ],
        }


def write(report: Report, folder: Folder) -> Path:
    """Write mutants.json and mutants.html, and return the page."""
    folder.put_json("mutants.json", report.to_json())
    return folder.put("mutants.html", page(report))


def page(report: Report) -> str:
    """Return the page; every value is escaped, and its content policy allows no script at all."""
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    score = report.score
    return printable(
        environment.get_template("mutants.html.j2").render(
            css=(here.parent / "report" / "page.css").read_text(),
            word="-" if score.share is None else f"{100 * score.share:.0f} %",
            line=f"mutants noticed: {score}",
            facts={**report.facts, "tried": f"{len(report.tried)} of {len(report.drawn)}"},
            ends=list(End),
            meaning=MEANING,
            score=score,
            tables={
                "service": report.rows(lambda each: each.service),
                "operator": report.rows(lambda each: each.operator),
            },
            population=report.population,
            lists=[(end, report.ended(end)) for end in End if end not in _NOTICED],
            noticed=report.ended(*_NOTICED),
            left_out=report.left_out,
        )
    )


def line(number: int, of: int, mutant: Mutant, tried: Tried, left_s: float) -> str:
    """Return the line of one mutant's end, with an estimate of the time left."""
    words = tried.words if len(tried.words) <= _WORDS else tried.words[: _WORDS - 1] + "…"
    how = f"{tried.end} by {tried.by}" if tried.by else str(tried.end)
    said = f" ({words})" if words else ""
    left = f", about {_span(left_s)} left" if number < of else ""
    return f"{number}/{of} {mutant.place} {mutant.operator} -> {how}{said}, {tried.seconds:.1f} s{left}"


def tables(report: Report, console: Console) -> None:
    """Print a table of the services and one of the operators."""
    for title, rows in (
        ("service", report.rows(lambda each: each.service)),
        ("operator", report.rows(lambda each: each.operator)),
    ):
        seen = [end for end in End if report.score.ends[end]]
        table = Table(title, *(Column(str(end), justify="right") for end in seen), "score", box=SIMPLE)
        for name, score in [*rows.items(), ("all", report.score)]:
            table.add_row(name, *(str(score.ends[end]) for end in seen), str(score))
        console.print(table)


def population(mutants: Mapping[str, Iterable[Mutant]], console: Console) -> None:
    """Print how many mutants there are, by operator and service."""
    counts = {service: [mutant.operator for mutant in each] for service, each in mutants.items()}
    operators = sorted({operator for each in counts.values() for operator in each})
    table = Table(
        "operator", *(Column(name, justify="right") for name in counts), Column("all", justify="right"), box=SIMPLE
    )
    for operator in operators:
        row = [each.count(operator) for each in counts.values()]
        table.add_row(operator, *map(str, row), str(sum(row)))
    whole = [len(each) for each in counts.values()]
    table.add_row("all", *map(str, whole), str(sum(whole)))
    console.print(table)


def _figures(score: Score) -> dict[str, Any]:
    return {
        "share": score.share,
        "killed": score.killed,
        "judged": score.judged,
        "low": score.bounds.low,
        "high": score.bounds.high,
        "ends": {str(end): count for end, count in score.ends.items()},
    }


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{max(1, minutes)} min"
