"""The ingress, spoken to by a client that keeps its connection as long as it may."""

import socket
import ssl
from pathlib import Path

import pytest

from faults.security._ingress import PatchedIngress
from seatrial.registry import load_faults
from system.platforms.local.layout import Layout
from system.platforms.local.parts.ingress import Ingress
from system.platforms.local.programs import Programs
from tests.platform.bench import Running

TURNS = 30
BODY = b"x" * 4000


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.seatrial.localhost", "/metrics"),
        ("api.seatrial.localhost", "/v1/assets"),
        ("app.seatrial.localhost", "/upload"),
        ("s3.seatrial.localhost", "/staging/x"),
        ("attacker.example", "/v1/assets"),
    ],
)
def test_a_body_that_may_be_left_unread_is_followed_by_no_other_request(running: Running, host: str, path: str) -> None:
    endpoint = running.layout.addresses.endpoint("https")
    context = ssl.create_default_context(cafile=str(running.layout.state / "ca/root.crt"))
    served = "api.seatrial.localhost" if host == "attacker.example" else host
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{endpoint.port}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    for _ in range(TURNS):
        with (
            socket.create_connection((endpoint.address, endpoint.port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=served) as connection,
        ):
            connection.sendall(head.encode() + BODY)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith((b"HTTP/1.1 3", b"HTTP/1.1 4")), answer[:100]
        assert b"\r\nConnection: close\r\n" in answer, answer
    assert "panic" not in (running.layout.logs / "ingress.log").read_text()


@pytest.mark.parametrize(("halves", "kept"), [(("crt", "key"), True), (("crt",), False)])
def test_an_authority_is_forgotten_for_want_of_its_key_alone(
    layout: Layout, halves: tuple[str, ...], kept: bool
) -> None:
    layout.make()
    issuer = layout.data / "ingress/pki/authorities/local/intermediate.crt"
    issuer.parent.mkdir(parents=True)
    for half in halves:
        issuer.with_suffix(f".{half}").touch()
    Ingress(layout, Programs.find()).forget_without_key()
    assert issuer.exists() is kept


def test_the_ingress_says_itself_what_it_runs_with(running: Running) -> None:
    def in_force() -> str:
        return str(running.get("config")["parts"]["ingress"]["in force"])

    def patched(*edits: dict[str, str]) -> str:
        running.post("restart", {"part": "ingress", "settings": {"patch": list(edits)}})
        return in_force()

    before = in_force()
    assert before.startswith("{")
    assert '"interval":60000000000' not in before
    assert '"interval":60000000000' in patched({"find": "health_interval 1s", "replace": "health_interval 60s"})
    assert patched() == before


def test_every_fault_of_the_ingress_finds_its_place_in_the_configuration(running: Running) -> None:
    loaded = running.get("config")["parts"]["ingress"]["Caddyfile"]
    wrong, tried = [], 0
    for fault in load_faults(Path("faults")).values():
        if isinstance(fault.strike, PatchedIngress):
            text = loaded
            for find, replace in fault.strike.edits(loaded):
                wrong += [(fault.id, find)] if find not in text else []
                text, tried = text.replace(find, replace, 1), tried + 1
    assert tried > 10
    assert wrong == []
