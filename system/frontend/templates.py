"""Render the pages; every value in them is escaped."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

__all__ = ["Templates"]

FOLDER = Path(__file__).parent / "html"


class Templates:
    """Hold the compiled templates; `static` gives the path of a static file by its plain name."""

    def __init__(self, static: Callable[[str], str]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["static"] = static
        self._environment.filters |= {"size": _size, "moment": _moment}

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return the page with that name."""
        return HTMLResponse(self._environment.get_template(f"{name}.html").render(values), status)


def _size(value: int) -> str:
    amount = float(value)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%-d %B %Y, %H:%M:%S} UTC"
