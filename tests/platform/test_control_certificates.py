"""The control calls that replace certificates and move clocks."""

import http.client
import time
from email.utils import parsedate_to_datetime
from functools import partial

import pytest
from cryptography import x509

from seatrial.probes import tls
from tests.platform.bench import Running, fits
from tests.waiting import wait_for


@pytest.mark.parametrize(("part", "host"), [("postgres", "pg.seatrial.internal"), ("redis", "redis.seatrial.internal")])
def test_a_foreign_certificate_is_served_at_once_and_the_proper_one_again(
    running: Running, part: str, host: str
) -> None:
    assert not fits("certificate_answer", running.post("certificate", {"part": part, "self_signed": True}))["proper"]
    wait_for(lambda: "certificate verify failed" in refusal(running, part, host))
    assert fits("certificate_answer", running.post("certificate", {"part": part}))["proper"]
    wait_for(lambda: not refusal(running, part, host))


def test_a_clock_is_moved_at_a_restart_then_while_it_runs_and_set_right(running: Running) -> None:
    seen, pids = [], []
    for seconds in (120, -120, 0, 0):
        assert fits("clock", running.post("clock", {"part": "edge-2", "seconds": seconds}))["seconds"] == seconds
        wait_for(partial(clock_is_off, running, "edge-2", seconds))
        seen.append(clock_is_off(running, "edge-1", 0))
        pids.append(running.part("edge-2")["pid"])
    assert all(seen), "only one instance's clock was to be moved"
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not (running.layout.run / "edge-2.clock").exists()
    assert running.part("edge-2")["settings"] == {}


def clock_is_off(running: Running, name: str, seconds: int) -> bool:
    """Tell by its Date header whether an instance's clock is so far ahead."""
    endpoint = running.layout.addresses.endpoint(name)
    connection = http.client.HTTPConnection(endpoint.address, endpoint.port, timeout=5)
    try:
        connection.request("GET", "/livez")
        said = connection.getresponse().headers["date"]
    finally:
        connection.close()
    return abs(parsedate_to_datetime(said).timestamp() - time.time() - seconds) < 10


def test_an_ingress_whose_authority_is_lost_stays_down_until_it_has_another_one(running: Running) -> None:
    def signer() -> int:
        kept = running.layout.data / "ingress/pki/authorities/local/intermediate.crt"
        return x509.load_pem_x509_certificate(kept.read_bytes()).serial_number

    before = signer()
    assert not fits("certificate_answer", running.post("certificate", {"part": "ingress", "lost": True}))["proper"]
    wait_for(lambda: running.part("ingress")["state"] == "failed")
    assert fits("certificate_answer", running.post("certificate", {"part": "ingress"}))["proper"]
    assert running.part("ingress")["state"] == "ready"
    assert signer() != before


def test_an_expired_certificate_at_the_ingress_is_served_until_the_proper_one_is_asked_for(running: Running) -> None:
    running.post("certificate", {"part": "ingress", "days": 0})
    wait_for(lambda: "expired" in refusal(running, "https", "app.seatrial.localhost"))
    running.post("certificate", {"part": "ingress"})
    assert not refusal(running, "https", "app.seatrial.localhost")


def refusal(running: Running, part: str, host: str) -> str:
    """Say why a client that trusts the platform's authority alone ends its handshake with a part; nothing if it does not."""
    place, root = running.layout.addresses.endpoint(part), running.layout.ca / "root.crt"
    starttls = "postgres" if part == "postgres" else None
    return tls.handshake(host, place.port, address=place.address, ca=root, starttls=starttls).error or ""
