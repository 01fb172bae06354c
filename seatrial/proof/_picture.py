"""prove.html: the detection matrix and what it comes to, on one page with nothing to load and nothing to run."""

from collections.abc import Iterable
from pathlib import Path

from seatrial.expected import Row
from seatrial.proof._figures import figures
from seatrial.proof._grid import CELL, LEFT, MEANING, TOP, grid
from seatrial.proof._record import Record
from seatrial.report._digest import seconds
from seatrial.report._files import Folder, printable
from seatrial.secrecy.redaction import Redactor


def draw(record: Record, checks: Iterable[Row], out: Path, redactor: Redactor) -> Path:
    """Write prove.html below `out` and return its path; every value is escaped, and its content policy allows no script."""
    # It takes long to import, and of all that the command line does one run draws.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    rows = list(checks)
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["seconds"] = seconds
    page = environment.get_template("prove.html.j2").render(
        record=record,
        figures=figures(record.trials, [row.id for row in rows]),
        grid=grid(record.trials, rows),
        place={"cell": CELL, "left": LEFT, "top": TOP},
        meaning=MEANING,
        checks=len(rows),
        css=(here.parent / "report" / "page.css").read_text(),
    )
    return Folder(out, redactor).put("prove.html", printable(page))
