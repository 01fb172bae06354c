"""Allure's input files, and the site made of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.probes.browser import browser
from seatrial.report import site, write
from seatrial.report._site import ALLURE, CONFIG, strip_analytics
from seatrial.verdict import Verdict

ROOT = Path(__file__).parents[2]
TAG = """<p>kept</p><script async src="https://www.googletagmanager.com/gtag/js?id=G-X"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag(){dataLayer.push(arguments);}
  gtag('js', new Date());
</script><script>keep()</script>"""


def results(out: Path) -> dict[str, dict[str, Any]]:
    files = [json.loads(path.read_text()) for path in (out / "allure-results").glob("*-result.json")]
    return {result["fullName"].split(".")[-1]: result for result in files}


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


def test_each_outcome_has_its_status(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    assert {name: result["status"] for name, result in results(tmp_path).items()} == {
        "INF-PG-01": "passed",
        "INF-RD-03": "failed",
        "INF-S3-04": "failed",
        "MON-LOG-02": "failed",
        "SEC-TLS-03": "broken",
        "DR-PG-01": "skipped",
        "INF-GPU-01": "skipped",
        "DEP-HEA-01": "broken",
    }


def test_a_result_carries_labels_message_and_evidence(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    failed = results(tmp_path)["INF-RD-03"]
    assert labels(failed).items() >= {
        "severity": "blocker", "suite": "infra", "component": "redis", "level": "observe", "outcome": "FAILED",
    }.items()  # fmt: skip
    assert "expected maxmemory-policy noeviction; saw allkeys-lru (at redis)" in failed["statusDetails"]["message"]
    attached = {item["name"]: tmp_path / "allure-results" / item["source"] for item in failed["attachments"]}
    assert json.loads(attached["settings"].read_text())["maxmemory-policy"] == "allkeys-lru"
    assert failed["stop"] - failed["start"] == 250


def test_marks_are_known_to_allure(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    found = results(tmp_path)
    assert found["MON-LOG-02"]["statusDetails"]["flaky"]
    assert found["INF-S3-04"]["statusDetails"]["known"]


def test_history_is_one_line_per_check_and_environment(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path / "a")
    write(replace(no_go, started_at="2026-11-24T00:00:00+00:00"), tmp_path / "b")
    write(replace(no_go, environment="staging"), tmp_path / "c")
    a, b, c = (results(tmp_path / name)["INF-RD-03"] for name in "abc")
    assert a["historyId"] == b["historyId"] != c["historyId"]
    assert a["uuid"] != b["uuid"]
    assert len({result["historyId"] for result in results(tmp_path / "a").values()}) == 8


def test_facts_about_the_run_stand_beside_the_results(no_go: Verdict, tmp_path: Path) -> None:
    write(replace(no_go, release="a\nb = c"), tmp_path)
    folder = tmp_path / "allure-results"
    assert "release = a b = c\n" in (folder / "environment.properties").read_text()
    assert json.loads((folder / "executor.json").read_text())["name"] == "Seatrial"
    assert {item["matchedStatuses"][0] for item in json.loads((folder / "categories.json").read_text())} == {
        "failed",
        "broken",
        "skipped",
    }
    (problems,) = folder.glob("*-globals.json")
    assert json.loads(problems.read_text())["errors"] == [{"message": "filtered by -k"}]


def test_analytics_are_stripped_and_nothing_else() -> None:
    assert strip_analytics(TAG) == "<p>kept</p>\n<script>keep()</script>"


@pytest.fixture
def fake(tmp_path: Path, go: Verdict) -> Any:
    """Return a function that renders with the real Node and a small program in Allure's place."""
    write(go, tmp_path)
    (tmp_path / "rc.mjs").write_text("export default {};")

    def render(program: str, **options: Any) -> Any:
        (tmp_path / "cli.mjs").write_text(program)
        return site(tmp_path, allure=tmp_path / "cli.mjs", config=tmp_path / "rc.mjs", **options)

    return render


WRITES = """import { mkdirSync, writeFileSync } from "node:fs";
const output = process.argv[process.argv.indexOf("--output") + 1];
mkdirSync(output, { recursive: true });
writeFileSync(output + "/index.html", %s);"""


def test_a_site_replaces_the_last_one(fake: Any, tmp_path: Path) -> None:
    (tmp_path / "allure").mkdir()
    (tmp_path / "allure" / "old.html").write_text("old")
    made = fake(WRITES % json.dumps(TAG))
    assert made.index == tmp_path / "allure" / "index.html"
    assert "gtag" not in made.index.read_text()
    assert [path.name for path in made.index.parent.iterdir()] == ["index.html"]
    assert not list(tmp_path.glob(".allure-*"))


def test_the_program_sees_nothing_of_our_environment(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-pass-on")
    made = fake(WRITES % "JSON.stringify(process.env)")
    assert "do-not-pass-on" not in made.index.read_text()


@pytest.mark.parametrize(
    ("program", "options", "complaint"),
    [
        ("console.error('it broke'); process.exit(3)", {}, "allure generate ended with 3: it broke"),
        ("", {}, "allure generate made no index.html"),
        ("setInterval(() => {}, 1000)", {"timeout_s": 0.5}, "did not end within 0.5 s"),
        (WRITES % '"<img src=https://www.googletagmanager.com/x>"', {}, "still names googletagmanager.com"),
        ("", {"node": Path("/nowhere/node")}, "/nowhere/node does not start: No such file or directory"),
    ],
)
def test_a_broken_renderer_gives_one_line(fake: Any, program: str, options: dict[str, Any], complaint: str) -> None:
    made = fake(program, **options)
    assert made.index is None
    assert made.note.startswith("no Allure site: ")
    assert complaint in made.note
    assert "\n" not in made.note


def test_no_page_asks_any_network_for_anything(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    config = Path(shutil.copy(ROOT / CONFIG, tmp_path))  # it keeps a history beside itself
    made = site(tmp_path, allure=ROOT / ALLURE, config=config)
    assert made.index, made.note

    with browser({}, frozenset(), frozenset(), lambda _: None) as tab:
        for page in (made.index, tmp_path / "verdict.html"):
            seen = tab.open(page.as_uri())
            assert seen.error is None
            assert [url for url in seen.asked if not url.startswith(("file:", "data:", "blob:"))] == []
            tab.until("document.body.innerText.includes('INF-RD-03')", within_s=20.0, what=f"the checks in {page.name}")


def test_a_missing_allure_gives_one_line(go: Verdict, tmp_path: Path) -> None:
    write(go, tmp_path)
    made = site(tmp_path, allure=tmp_path / "cli.js", config=ROOT / CONFIG)
    assert made.index is None
    assert f"{tmp_path / 'cli.js'} is not there (make setup" in made.note


def test_the_real_allure_renders_one_file_without_analytics(no_go: Verdict, tmp_path: Path) -> None:
    write(no_go, tmp_path)
    config = tmp_path / "allurerc.mjs"
    config.write_text((ROOT / CONFIG).read_text())
    made = site(tmp_path, allure=ROOT / ALLURE, config=config)
    assert made.note == ""
    assert made.index is not None
    page = made.index.read_text(encoding="utf-8")
    assert "googletagmanager" not in page
    assert "gtag(" not in page
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 1
