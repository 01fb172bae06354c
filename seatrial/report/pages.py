"""docs/checks/: one page for each check, made from its docstring."""

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import HarnessError

SECTIONS = ("Why it matters", "How it is measured", "Not covered")
_HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):[ \t]*", re.MULTILINE)
_MADE = "<!-- Made from the check's docstring by `make docs`; edit the docstring. -->"


@dataclass(frozen=True)
class FaultLine:
    """A fault that proves a check.

    Attributes:
        title: the first line of the fault's docstring.
        outcome: what the check must end with while the fault is in effect, "FAILED" or "INVALID".
        words: what the finding must say.
    """

    name: str
    title: str
    kind: str
    outcome: str
    words: str


@dataclass(frozen=True)
class CheckPage:
    """What a page is made of.

    Attributes:
        source: the path of the check's file.
        repeat: a command line that runs this check alone.
        runbook: the path of its section in the runbooks.
    """

    id: str
    suite: str
    severity: str
    level: str
    component: str
    docstring: str
    faults: tuple[FaultLine, ...] = ()
    source: str = ""
    repeat: str = ""
    runbook: str = ""


def title(page: CheckPage) -> str:
    """Return the first line of the check's docstring; raises HarnessError when there is none."""
    lines = inspect.cleandoc(page.docstring or "").splitlines()
    if not lines or not lines[0].strip():
        raise HarnessError(f"{page.id}: the docstring is empty; its first line must say what must hold")
    return lines[0].strip()


def sections(page: CheckPage) -> dict[str, str]:
    """Return heading -> text of the docstring's sections; raises HarnessError naming all that are missing or empty."""
    body = inspect.cleandoc(page.docstring or "")
    found = list(_HEADING.finditer(body))
    ends = [*(match.start() for match in found), len(body)][1:]
    parts = {match[1]: body[match.end() : end].strip() for match, end in zip(found, ends, strict=True)}
    if lacking := [name for name in SECTIONS if not parts.get(name)]:
        wanted = ", ".join(f"'{name}:'" for name in lacking)
        raise HarnessError(f"{page.id}: the docstring lacks {wanted}" + (f" ({page.source})" if page.source else ""))
    return {name: parts[name] for name in SECTIONS}


def render(page: CheckPage) -> str:
    """Return the page as Markdown; raises HarnessError when the docstring does not follow the template."""
    facts = {
        "Suite": page.suite,
        "Component": page.component,
        "Severity": page.severity,
        "Level": page.level,
        "Repeat": f"`{page.repeat}`" if page.repeat else "",
        "Source": f"`{page.source}`" if page.source else "",
        "Runbook": f"`{page.runbook}`" if page.runbook else "",
    }
    lines = [_MADE, "", f"# {page.id}: {title(page)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {cell(value)} |" for name, value in facts.items() if value]
    for heading, text in sections(page).items():
        lines += ["", f"## {heading}", "", text]
    lines += ["", "## Faults that prove it", ""]
    lines += (
        ["| fault | what breaks | kind | the check must say |", "|---|---|---|---|"] if page.faults else ["None yet."]
    )
    for fault in sorted(page.faults, key=lambda fault: fault.name):
        lines.append(f"| `{fault.name}` | {cell(fault.title)} | {fault.kind} | {fault.outcome}: {cell(fault.words)} |")
    return "\n".join(lines) + "\n"


def render_all(pages: Iterable[CheckPage]) -> dict[str, str]:
    """Return file name -> text of every page and of the index; raises HarnessError with every broken docstring."""
    ordered, texts, broken = sorted(pages, key=lambda page: (page.suite, page.id)), {}, []
    for page in ordered:
        try:
            texts[f"{page.id}.md"] = render(page)
        except HarnessError as error:
            broken.append(str(error))
    if broken:
        raise HarnessError("\n".join(broken))
    return {**texts, "README.md": _index(ordered)}


def write_pages(pages: Iterable[CheckPage], folder: Path) -> tuple[Path, ...]:
    """Make the folder hold exactly the pages and their index; return the paths that were changed or removed."""
    texts = render_all(pages)
    folder.mkdir(parents=True, exist_ok=True)
    stale = [path for path in folder.glob("*.md") if path.name not in texts]
    for path in stale:
        path.unlink()
    changed = [
        folder / name
        for name, text in texts.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    for path in changed:
        path.write_text(texts[path.name], encoding="utf-8")
    return tuple(sorted(stale + changed))


def _index(pages: list[CheckPage]) -> str:
    lines = [_MADE, "", "# Checks", "", f"{len(pages)} checks, each proven by the faults on its page."]
    for suite in sorted({page.suite for page in pages}):
        lines += ["", f"## {suite}", "", "| id | what must hold | severity | level | faults |", "|---|---|---|---|---|"]
        for page in (page for page in pages if page.suite == suite):
            cells = (f"[{page.id}]({page.id}.md)", cell(title(page)), page.severity, page.level, str(len(page.faults)))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Return a text as one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
