"""Pages about checks, made from docstrings."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import HarnessError
from seatrial.report import CheckPage, FaultLine, render, render_all, write_pages

DOCSTRING = """Redis refuses new writes rather than dropping queued work.

    Why it matters: an eviction drops queued jobs.
    Nobody notices.

    How it is measured:
    `CONFIG GET` as the observer:

    - the policy
    - the limit

    Not covered: what happens at the limit.
    """
FAULT = FaultLine("redis-evicts", "Someone sets allkeys-lru | to make room.", "configuration", "FAILED", "noeviction")
PAGE = CheckPage(
    "INF-RD-03", "infra", "blocker", "observe", "redis", DOCSTRING, (FAULT,), "suites/infra/test_redis.py", "pytest x"
)


def test_a_page_holds_title_facts_sections_and_faults() -> None:
    text = render(PAGE)
    assert "# INF-RD-03: Redis refuses new writes rather than dropping queued work.\n" in text
    assert "| Severity | blocker |" in text
    assert "| Repeat | `pytest x` |" in text
    assert "## Why it matters\n\nan eviction drops queued jobs.\nNobody notices.\n\n## How it is measured" in text
    assert "- the policy\n- the limit\n\n## Not covered" in text
    assert (
        "| `redis-evicts` | Someone sets allkeys-lru \\| to make room. | configuration | FAILED: noeviction |" in text
    )
    assert "Runbook" not in text


@pytest.mark.parametrize(
    ("docstring", "complaint"),
    [
        ("", "the docstring is empty"),
        ("Title.\n\n    Why it matters: a.\n", "lacks 'How it is measured:', 'Not covered:'"),
        (DOCSTRING.replace("what happens at the limit.", ""), "lacks 'Not covered:'"),
    ],
)
def test_a_docstring_off_the_template_is_refused(docstring: str, complaint: str) -> None:
    with pytest.raises(HarnessError, match=complaint):
        render(replace(PAGE, docstring=docstring))


def test_every_broken_docstring_is_named_at_once() -> None:
    with pytest.raises(HarnessError) as error:
        render_all([PAGE, replace(PAGE, id="INF-RD-04", docstring="x"), replace(PAGE, id="INF-RD-05", docstring="")])
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["INF-RD-04", "INF-RD-05"]


def test_the_folder_holds_exactly_the_pages(tmp_path: Path) -> None:
    (tmp_path / "OLD-01.md").write_text("a check that is gone")
    changed = write_pages([PAGE], tmp_path)
    assert [path.name for path in changed] == ["INF-RD-03.md", "OLD-01.md", "README.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["INF-RD-03.md", "README.md"]
    assert write_pages([PAGE], tmp_path) == ()
    assert "| [INF-RD-03](INF-RD-03.md) | Redis refuses" in (tmp_path / "README.md").read_text()
