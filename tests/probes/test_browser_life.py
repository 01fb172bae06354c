"""The browser begins with the trust that it is given, or says why it does not, and always ends."""

import base64
import hashlib
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatrial.errors import Invalid
from seatrial.eventually import eventually
from seatrial.facets.browser import ExerciseBrowser
from seatrial.outcome import Level
from seatrial.probes.browser import PageSeen, browser
from tests.probes.conftest import Authority, Serve, answering

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<title>Plain</title>"
)
CHILD = """
import sys
from seatrial.probes.browser import browser
with browser({}, frozenset(), frozenset(), lambda method: None) as tab:
    tab.evaluate("1 + 1")
    print("ready", flush=True)
    sys.stdin.read()
"""


def look(serve: Serve, context: ssl.SSLContext, trusted: frozenset[str]) -> PageSeen:
    server, hosts = serve(answering(ANSWER), context), {"api.example.test": "127.0.0.1"}
    with browser(hosts, frozenset(hosts), trusted, lambda _: None) as opened:
        return opened.open(f"https://api.example.test:{server.port}/plain")


def test_a_private_authority_is_believed_when_it_is_named(serve: Serve, authority: Authority) -> None:
    key = authority.intermediate[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    named = base64.b64encode(hashlib.sha256(key).digest()).decode()

    assert look(serve, authority.context(), frozenset({named})).title == "Plain"
    assert "ERR_CERT_AUTHORITY_INVALID" in str(look(serve, authority.context(), frozenset()).error)


def test_a_chain_that_the_profile_does_not_vouch_for_is_invalid(
    serve: Serve, authority: Authority, scope: object
) -> None:
    server = serve(answering(ANSWER), authority.context(self_signed=True))
    made = scope(  # type: ignore[operator]
        Level.EXERCISE,
        urls={"app": f"https://api.example.test:{server.port}"},
        resolve={"api.example.test": "127.0.0.1"},
        ca=authority.ca,
    )
    with pytest.raises(Invalid, match=r"no browser can believe api\.example\.test: certificate verify failed"):
        ExerciseBrowser(made).start()


@pytest.mark.parametrize(
    ("program", "said"), [("/nowhere/chromium", "there is no browser at"), ("/bin/false", "does not start")]
)
def test_a_missing_browser_is_invalid_and_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    monkeypatch.setenv("SEATRIAL_CHROMIUM", program)
    with (
        pytest.raises(Invalid, match=f"{said}.*run `make setup`"),
        browser({}, frozenset(), frozenset(), lambda _: None),
    ):
        pass


def left(child: int, group: int) -> list[str]:
    """Return the processes of the user's session and of the browser's group that still run."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                name, _, rest = (process / "stat").read_text().rpartition(")")
            except OSError:
                continue
            state, _, in_group, session = rest.split()[:4]
            if state != "Z" and (int(in_group) == group or int(session) == child):
                found.append(name)
    return found


@pytest.mark.parametrize("ending", ["kill", "interrupt", "end"])
def test_nothing_of_a_browser_is_left_however_its_user_ends(tmp_path: Path, ending: str) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"ready\n"
        (told,) = tmp_path.glob("seatrial-browser-*/pid")
        group = int(told.read_text())
        assert len(left(child.pid, group)) >= 4  # the user, the driver, the browser, the page
        if ending == "kill":
            child.kill()
        elif ending == "interrupt":  # as a terminal does: to the whole group
            os.killpg(child.pid, signal.SIGINT)
        else:
            child.stdin.close()
        child.wait(timeout=30)

        eventually(lambda: left(child.pid, group) == [], within_s=30, what="the end of every process")
