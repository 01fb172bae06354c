"""Whether the alerts about public hosts look at each of them: MON-08 against a Prometheus that answers as it is told."""

import json
import re
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from suites.monitoring.test_alerts import test_every_public_host_is_watched as every_public_host_is_watched
from tests.checking import outcome
from tests.serving import answering

HOSTS = ("app.test", "api.test")
UP = ("PublicHostDown", "public_up == 0")
ENDS = ("CertificateExpiring", "certificate_expires_timestamp_seconds - time() < certificate_renew_before_seconds")
FILTERS = re.compile(r" (==|<) (?!bool )")
ASKED = re.compile(r'(?P<metric>\w+)(\{component="(?P<host>[^"]+)"\})?')


def selected(query: str) -> list[dict[str, Any]]:
    """Answer for hosts that are up, with certificates that are good for an hour; what filters finds nothing to tell."""
    asked = ASKED.match(query)
    assert asked is not None
    value = 1.0 if asked["metric"] == "public_up" else time.time() + 3600.0
    hosts = [] if FILTERS.search(query) else [host for host in HOSTS if asked["host"] in {None, host}]
    return [{"metric": {"component": host}, "value": [0, str(value)]} for host in hosts]


def prometheus(*alerts: tuple[str, str]) -> type[BaseHTTPRequestHandler]:
    rules = [{"name": name, "query": query, "health": "ok", "labels": {}, "annotations": {}} for name, query in alerts]

    class Prometheus(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            data: dict[str, Any] = {"groups": [{"rules": rules}]}
            if asked.path == "/api/v1/query":
                data = {"result": selected(parse_qs(asked.query)["query"][0])}
            body = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Prometheus


def judged(folder: Path, *alerts: tuple[str, str]) -> tuple[str, str]:
    with answering(prometheus(*alerts)) as port:
        place = f'"127.0.0.1:{port}"'
        urls = "\n".join(f'{host.partition(".")[0]} = "https://{host}:1"' for host in HOSTS)
        file = folder / "here.toml"
        file.write_text(
            f'name = "here"\nmax_impact = "observe"\ntree = {json.dumps(str(folder))}\n[urls]\n{urls}\n[monitoring]\n'
            f"prometheus = {place}\nalertmanager = {place}\npager = {place}\ntraces = {place}\n"
        )
        return outcome(file, every_public_host_is_watched)


def test_alerts_about_every_host_are_enough(tmp_path: Path) -> None:
    assert judged(tmp_path, UP, ENDS) == ("PASSED", "")


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ((("PublicHostDown", 'public_up{component="app.test"} == 0'), ENDS), "it does not look at api.test"),
        ((UP, (ENDS[0], ENDS[1].replace(" -", '{component="app.test"} -'))), "it does not look at api.test"),
        ((UP,), "CertificateExpiring: []"),
        ((UP, ("PublicHostDown", "up == 0"), ENDS), "query='up == 0'"),
    ],
)
def test_an_alert_that_is_missing_or_about_something_else_is_found(
    tmp_path: Path, alerts: tuple[tuple[str, str], ...], said: str
) -> None:
    ended, words = judged(tmp_path, *alerts)

    assert ended == "FAILED"
    assert said in words


def test_two_alerts_of_one_name_may_share_the_hosts(tmp_path: Path) -> None:
    each = [("PublicHostDown", f'public_up{{component="{host}"}} == 0') for host in HOSTS]

    assert judged(tmp_path, *each, ENDS) == ("PASSED", "")
