"""Locust's own pages start one run after another, each as its form asks for it."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.load.flying import counting, locust
from tests.waiting import wait_for

pytestmark = pytest.mark.slow


class Pages:
    """Locust's pages, and the record of the runs that they start."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "record"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.options = ("--web-host", "127.0.0.1", "--web-port", str(self.port), "--record", str(self.record))

    def is_idle(self) -> bool:
        """Tell whether the next run can be started."""
        try:
            stats = httpx2.get(f"http://127.0.0.1:{self.port}/stats/requests", timeout=30).json()
        except httpx2.ConnectError:
            return False
        return stats["state"] in {"ready", "stopped"}

    def send(self, page: str, **form: str) -> None:
        """Send a form."""
        httpx2.post(f"http://127.0.0.1:{self.port}/{page}", data=form, timeout=30).raise_for_status()

    def results(self) -> list[dict[str, Any]]:
        """Return those of the runs that came to their end."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [told["result"] for told in map(json.loads, lines) if "result" in told]


def test_a_run_after_another_is_as_the_form_asks_for_it(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    with counting() as (here, asked):
        flying = locust(*pages.options, SMALL_HOST=here, SMALL_ALSO="1")
        try:
            wait_for(pages.is_idle, within_s=60, what="the pages")
            pages.send("swarm", rate="40", seconds="1")
            wait_for(pages.results, within_s=60, what="the result of the first run")
            wait_for(pages.is_idle, within_s=60, what="the end of the first run")
            assert set(asked) == {"/", "/glance"}
            asked.clear()
            pages.send("swarm", rate="40", seconds="600", journey="look")
            wait_for(lambda: asked, within_s=60, what="the second run")
            pages.send("stop")
            pages.send("swarm", rate="20", seconds="2", journey="glance")
            wait_for(lambda: len(pages.results()) > 1, within_s=60, what="the result of the third run")
        finally:
            flying.kill()
            flying.wait()
    first, third = pages.results()
    assert (first["journeys"], third["journeys"]) == (["look", "glance"], ["glance"])
    assert [row["journey"] for row in third["stages"][0]["rows"]] == ["glance"]
