"""Scanners by other people find nothing in the pages and in the API that the checks have missed."""

import json
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.platform.bench import Running
from tests.platform.scanners import Gateway, gateway, run, scanner, site_with_holes

pytestmark = pytest.mark.scan
# Left out: what asks servers of the scanner's makers (ssrf, xxe, log4shell), and csrf, which knows tokens alone.
MODULES = "xss,permanentxss,sql,exec,file,redirect,crlf,ldap,htaccess,csp,cookieflags,http_headers"
CRAWL_S, ATTACK_S = 20, 6
TITLE = "A scanned video"
EMAIL = "trial1@example.test"


class Reader:
    """Somebody who is signed in, with one asset announced."""

    def __init__(self, running: Running) -> None:
        addresses = running.layout.addresses
        self.origin, self.api = addresses.origin("app"), addresses.origin("api")
        self._frontend = f"http://{addresses.endpoint('frontend-1')}"
        password = (running.layout.secrets / "account-1").read_text().strip()
        form = {"email": EMAIL, "password": password, "next": "/"}
        jar = SimpleCookie()
        for each in self._ask("POST", "/sign-in", data=form).headers.get_list("set-cookie"):
            jar.load(each)
        self.cookies = {name: morsel.value for name, morsel in jar.items()}
        new = {"title": TITLE, "filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1, "sha256": "0" * 64}
        self.asset = str(self._ask("POST", "/upload", json=new).json()["asset"]["id"])

    def _ask(self, method: str, path: str, **body: Any) -> httpx2.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in getattr(self, "cookies", {}).items())
        headers = {"Origin": self.origin, "Accept": "text/html"} | ({"Cookie": cookie} if cookie else {})
        return httpx2.request(method, f"{self._frontend}{path}", headers=headers, trust_env=False, timeout=30, **body)

    def was_renamed(self) -> bool:
        """Say whether the asset is still the reader's, under another title than at first."""
        page = self._ask("GET", f"/assets/{self.asset}")
        assert page.status_code == 200
        return f"<h1>{TITLE}</h1>" not in page.text


@pytest.fixture
def reader(running: Running) -> Reader:
    return Reader(running)


@pytest.fixture
def way(running: Running) -> Iterator[Gateway]:
    addresses = running.layout.addresses
    with gateway({str(urlsplit(addresses.origin(name)).hostname): "127.0.0.1" for name in ("app", "api")}) as opened:
        yield opened


def wapiti(home: Path, url: str, *options: str, **environment: str) -> dict[str, Any]:
    """Scan a site; return the report."""
    report = home / "found.json"
    stores = [f"--store-session={home / 'session'}", f"--store-config={home / 'configuration'}"]
    bounds = [f"--max-scan-time={CRAWL_S}", f"--max-attack-time={ATTACK_S}", "--tasks=4", "--no-bugreport", "-v0"]
    said = run(
        scanner("wapiti"), ["-u", url, *stores, *bounds, "-f", "json", "-o", str(report), *options], home, **environment
    )
    assert report.is_file(), said
    return dict(json.loads(report.read_text()))


def sqlmap(home: Path, *options: str) -> str:
    """Look for SQL injection by errors and by answers that differ; return what the scanner says."""
    always = ["--batch", "--disable-coloring", "--technique=BE", "--retries=0", f"--output-dir={home / 'out'}"]
    return run(scanner("sqlmap"), [*always, *options], home)


def findings(report: dict[str, Any]) -> list[str]:
    groups = {**report["vulnerabilities"], **report["anomalies"]}
    return [f"{kind}: {row['method']} {row['path']}: {row['info']}" for kind, rows in groups.items() for row in rows]


def test_wapiti_finds_nothing_in_the_pages(running: Running, reader: Reader, way: Gateway, tmp_path: Path) -> None:
    facts = {"expires": None, "secure": True, "port": None, "version": 0}
    jar = {name: {"value": value, **facts} for name, value in reader.cookies.items()}
    cookies = tmp_path / "cookies.json"
    cookies.write_text(json.dumps({f".{urlsplit(reader.origin).hostname}": {"/": jar}}))
    options = ["-m", MODULES, "-p", way.url, "-c", str(cookies), "-H", f"Origin: {reader.origin}", "--verify-ssl=1"]
    options += ["-x", f"{reader.origin}/sign-out", "-x", f"{reader.origin}/assets/{reader.asset}/delete", "-dr", "2"]
    report = wapiti(tmp_path, f"{reader.origin}/", *options, SSL_CERT_FILE=str(running.layout.ca / "root.crt"))
    crawled = {
        (page["request"]["method"], urlsplit(page["request"]["url"]).path): page["response"]["status_code"]
        for page in report["infos"]["crawled_pages"]
    }
    mine = f"/assets/{reader.asset}"
    wanted = {("GET", "/"): 200, ("GET", "/upload"): 200, ("GET", mine): 200, ("POST", f"{mine}/rename"): 303}
    assert wanted.items() <= crawled.items(), crawled
    assert reader.was_renamed(), "the attack never reached the form"
    assert (findings(report), way.refused) == ([], [])


@pytest.mark.parametrize(
    "request_head",
    [
        "PATCH /v1/assets/{id}",
        "GET /v1/assets?limit=1*",
        f"GET /v1/assets?cursor=1-{'0' * 32}*",
        "GET /v1/assets/{id}*",
    ],
)
def test_sqlmap_finds_nothing_in_the_api(reader: Reader, way: Gateway, tmp_path: Path, request_head: str) -> None:
    writes = request_head.startswith("PATCH")
    lines = [
        f"{request_head.format(id=reader.asset)} HTTP/1.1",
        f"Host: {urlsplit(reader.api).netloc}",
        f"Authorization: Bearer {reader.cookies['__Host-access']}",
        *(["Content-Type: application/json", "", '{"title": "a video*"}'] if writes else ["", ""]),
    ]
    file = tmp_path / "request.txt"
    file.write_text("\r\n".join(lines))
    said = sqlmap(tmp_path, "-r", str(file), "--force-ssl", f"--proxy={way.url}", "--ignore-code=404,422")
    assert "all tested parameters do not appear to be injectable" in said, said
    assert "500 (Internal Server Error)" not in said, said  # it cannot tell from those what a pasted text has broken
    assert (writes, way.refused) == (reader.was_renamed(), [])
    assert way.connections


def test_the_scanners_find_holes_where_there_are_some(tmp_path: Path) -> None:
    with site_with_holes() as url:
        found = findings(wapiti(tmp_path, f"{url}/", "-m", "xss,sql"))
        assert {each.partition(":")[0] for each in found} >= {"Reflected Cross Site Scripting", "SQL Injection"}
        assert "Parameter: id (GET)" in sqlmap(tmp_path, "-u", f"{url}/item?id=1")
