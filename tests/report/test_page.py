"""verdict.html says what matters and nothing that a hostile string wants it to say."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from seatrial.outcome import Finding, Outcome
from seatrial.report import write
from seatrial.verdict import Ruling, Verdict

HOSTILE = "</pre></style><script>alert(1)</script>'\"&<img src=x onerror=alert(2)>\x1b[31m\x00"


class Page(HTMLParser):
    """Collect tags, attributes, and the text under each section's id; refuse unbalanced markup."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[tuple[str, str]] = []
        self.texts: dict[str, str] = {}
        self.all = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.stack.append((tag, dict(attrs).get("id") or "" if tag == "section" else ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1][0] == "style":
            return
        self.all += data
        for _, name in self.stack:
            if name:
                self.texts[name] = self.texts.get(name, "") + data


def render(verdict: Verdict, out: Path, previous: dict[str, Any] | None = None) -> Page:
    write(verdict, out, previous)
    return Page(out / "verdict.html")


def test_a_failure_is_told_with_all_that_on_call_needs(no_go: Verdict, tmp_path: Path) -> None:
    page = render(no_go, tmp_path)
    failed = page.texts["failed"]
    for part in (
        "INF-RD-03",
        "maxmemory-policy noeviction",
        "allkeys-lru",
        "redis",
        "pytest suites/infra",
        "docs/runbooks/infra.md#inf-rd-03",
    ):
        assert part in failed
    assert "MON-LOG-02" not in failed
    assert "MON-LOG-02" in page.texts["accepted"]
    assert "Waived by Ada until 2026-12-24" in page.texts["accepted"]
    assert "1 of 6 checks that must pass failed." in page.all
    assert "filtered by -k" in page.texts["problems"]


def test_all_that_was_not_measured_is_listed_with_its_reason(no_go: Verdict, tmp_path: Path) -> None:
    unmeasured = render(no_go, tmp_path).texts["unmeasured"]
    for part in (
        "SEC-TLS-03",
        "zero samples",
        "DR-PG-01",
        "not armed: --arm destroy=local",
        "no GPU here",
        "DEP-HEA-01",
    ):
        assert part in unmeasured
    assert "1 of them because nobody granted or armed" in unmeasured


def test_every_check_is_in_the_table(no_go: Verdict, tmp_path: Path) -> None:
    table = render(no_go, tmp_path).texts["checks"]
    assert all(result.id in table for result in no_go.results)
    assert "2 requests, 1 connection, 120 B sent, 2.0 kB received" in table


@pytest.mark.parametrize("ruling", list(Ruling))
def test_the_ruling_is_the_heading_and_the_title(go: Verdict, tmp_path: Path, ruling: Ruling) -> None:
    page = render(replace(go, ruling=ruling), tmp_path)
    assert page.all.split()[0] == f"{ruling}:"
    assert ("header", {"class": ruling.lower()}) in page.tags


def test_a_go_has_no_section_about_trouble(go: Verdict, tmp_path: Path) -> None:
    page = render(go, tmp_path)
    assert set(page.texts) == {"changes", "stages", "checks"}
    assert "1 check had to pass, and it did." in page.all


def test_changes_are_shown_against_the_last_verdict(no_go: Verdict, go: Verdict, tmp_path: Path) -> None:
    assert "no earlier verdict" in render(go, tmp_path).texts["changes"]
    changes = render(no_go, tmp_path, go.to_json()).texts["changes"]
    assert "The last verdict was GO for release 3f2a91c07b1d" in changes
    assert "INF-RD-03" in changes
    assert "new" in changes
    assert "No check ended differently" in render(go, tmp_path, go.to_json()).texts["changes"]


def test_hostile_text_stays_text(no_go: Verdict, make_result: Any, tmp_path: Path) -> None:
    bad = make_result(
        "INF-PG-09",
        Outcome.FAILED,
        title=HOSTILE,
        component=HOSTILE,
        suite=HOSTILE,
        repeat=HOSTILE,
        runbook=HOSTILE,
        log=HOSTILE,
        evidence={HOSTILE: {HOSTILE: HOSTILE}},
        findings=(Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
    )
    gap = make_result("INF-PG-08", Outcome.NOT_RUN, reason=HOSTILE)
    lost = replace(
        no_go, results=(bad, gap), required=("INF-PG-09",), problems=(HOSTILE,), release=HOSTILE, scope=HOSTILE,
        environment=HOSTILE, timings={HOSTILE: 1.0}, missing=(HOSTILE,), harness=HOSTILE,
    )  # fmt: skip
    page = render(lost, tmp_path)
    allowed = {
        "a", "article", "body", "caption", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4",
        "head", "header", "html", "li", "main", "meta", "p", "pre", "rect", "section", "span", "strong", "style",
        "summary", "svg", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul",
    }  # fmt: skip
    assert {tag for tag, _ in page.tags} <= allowed
    assert not [
        name for _, attributes in page.tags for name in attributes if name.startswith("on") or name in {"src", "href"}
    ]
    text = (tmp_path / "verdict.html").read_text(encoding="utf-8")
    assert "\x00" not in text
    assert "\x1b" not in text


def test_the_page_loads_nothing_and_runs_nothing(no_go: Verdict, tmp_path: Path) -> None:
    page = render(no_go, tmp_path)
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    text = (tmp_path / "verdict.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text


def test_stage_bar_has_one_part_per_stage_in_proportion(go: Verdict, tmp_path: Path) -> None:
    page = render(replace(go, timings={"boot": 10.0, "checks": 30.0}), tmp_path)
    bars = [(a["x"], a["width"]) for tag, a in page.tags if tag == "rect"]
    assert bars == [("0.0", "250.0"), ("250.0", "750.0")]
    assert "10.0 s" in page.texts["stages"]


def test_timings_of_nothing_draw_no_bar(go: Verdict, tmp_path: Path) -> None:
    assert "stages" not in render(replace(go, timings={}), tmp_path).texts
    assert "stages" in render(replace(go, timings={"boot": 0.0}), tmp_path).texts


def test_a_list_of_like_records_is_shown_as_a_table(make: Any, make_result: Any, tmp_path: Path) -> None:
    like = [{"door": "edge-1", "last": "-0.024"}, {"door": "edge-2", "last": None}]
    unlike = [{"door": "edge-1"}, {"gate": "edge-2"}]
    nested = [{"door": ["edge-1"]}]
    evidence = {"edges": like, "unlike": unlike, "nested": nested, "none": []}
    render(make(make_result("INF-PG-01", evidence=evidence)), tmp_path)
    text = (tmp_path / "verdict.html").read_text()
    assert text.count("<caption>edges</caption>") == 1
    assert "<td>edge-1</td><td>-0.024</td>" in text
    assert all(f"<h4>{name}</h4><pre>" in text for name in ("unlike", "nested", "none"))


def test_curves_are_drawn_and_named(make: Any, make_result: Any, tmp_path: Path) -> None:
    lines = {"list": [1.0, 2.0], HOSTILE: [2.0, 9.0]}
    evidence = {"latency": {"unit": "ms", "at": ["p50", "p99"], "curves": lines}}
    page = render(make(make_result("DEP-PERF-01", evidence=evidence)), tmp_path)

    drawn = [str(attributes["points"]) for tag, attributes in page.tags if tag == "polyline"]
    assert len(drawn) == 2
    assert drawn[0].startswith("50.0,")
    assert "latency, ms, logarithmic" in page.all
    assert "script" not in {tag for tag, _ in page.tags}
