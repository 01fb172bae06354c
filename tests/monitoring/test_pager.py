"""The pager's end: what comes is kept word for word, and a heartbeat that stops is told once."""

import json
import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest
from aiosmtpd.controller import Controller

from system.platforms.local import pager
from system.platforms.local.pager import Inbox, Mail


class Clock:
    """The pager's clock, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)  # before an inbox looks at it
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(pager, "time", found)
    return found


def told(inbox: Inbox) -> list[tuple[str, str]]:
    return [(each["channel"], each["status"]) for each in inbox.messages()]


def test_silence_is_told_once_and_its_end_too(inbox: Inbox, clock: Clock) -> None:
    clock.now_s += 12.0
    inbox.look()
    assert told(inbox) == []
    clock.now_s += 0.5
    inbox.look()
    inbox.look()
    assert told(inbox) == [("dead-man", "firing")]
    inbox.beat()
    inbox.beat()
    inbox.look()
    assert told(inbox) == [("dead-man", "firing"), ("dead-man", "resolved")]


def test_a_heartbeat_keeps_it_quiet(inbox: Inbox, clock: Clock) -> None:
    for _ in range(5):
        clock.now_s += 10.0
        inbox.beat()
        inbox.look()
    assert told(inbox) == []


def test_a_webhook_is_kept_and_a_heartbeat_is_heard(inbox: Inbox, clock: Clock, door: str) -> None:
    clock.now_s += 5.0
    body = {"attachments": [{"title": "FIRING"}]}
    with httpx2.Client(trust_env=False) as client:
        assert client.post(f"http://{door}/slack", json=body).status_code == 200
        said = client.get(f"http://{door}/received").json()
        assert (said["silent_s"], [each["body"] for each in said["messages"]]) == (5.0, [body])
        assert client.post(f"http://{door}/watchdog", json={}).status_code == 200
        assert client.get(f"http://{door}/received").json()["silent_s"] == 0.0
        assert "pager_messages_total" in client.get(f"http://{door}/metrics").text
        assert client.post(f"http://{door}/other", json={}).status_code == 404


def test_a_mail_is_kept_with_its_text_and_written_down(inbox: Inbox, tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "FIRING InstanceDown", "monitoring@example.test", "on-call@example.test"
    mail.set_content("edge-2 gives no metrics")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Mail(inbox), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.send_message(mail)
    finally:
        controller.stop()
    (kept,) = inbox.messages()
    assert (kept["channel"], kept["subject"], kept["to"]) == ("mail", "FIRING InstanceDown", ["on-call@example.test"])
    assert "edge-2 gives no metrics" in kept["text"]
    assert json.loads((tmp_path / "pager.jsonl").read_text()) == kept
