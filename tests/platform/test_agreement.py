"""The members are made to agree on what is shipped, or it is said in time which of them refused, and in what words."""

import asyncio
import json
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from system.platforms.local import cluster
from system.platforms.local.addresses import MEMBERS
from system.platforms.local.ca import Authority
from system.platforms.local.children import Children
from system.platforms.local.cluster import Cluster
from system.platforms.local.errors import PartFailed
from system.platforms.local.layout import Layout
from system.platforms.local.parts.member import CONSENSUS, Member
from system.platforms.local.parts.pgbouncer import PgBouncer
from system.platforms.local.secret_files import SecretFiles
from tests.platform.test_processes import NOWHERE
from tests.serving import serving

FIRST, SECOND = MEMBERS


@pytest.fixture
def made(layout: Layout) -> Layout:
    """A state directory with secrets and an authority; nothing runs."""
    layout.make()
    SecretFiles(layout.secrets).make_all()
    Authority(layout.ca).ensure_root()
    return layout


@contextmanager
def manager(layout: Layout, member: str, *statuses: int) -> Iterator[list[Any]]:
    """A member's Patroni, that answers what it is asked with each status in turn, and with the last one from then on."""
    left, asked, name = list(statuses), list[Any](), f"{member}-manager"

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = b"no leader of the votes"
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    place = layout.addresses.endpoint(name)
    leaf = Authority(layout.ca).ensure_leaf(name, place)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf.certificate, leaf.key)
    with serving(ThreadingHTTPServer((place.address, place.port), Handler), context):
        yield asked


def configure(layout: Layout) -> None:
    async def main() -> None:
        secrets, children = SecretFiles(layout.secrets), Children()
        try:
            members = [Member(layout, NOWHERE, children, secrets, name, "true") for name in MEMBERS]
            pooler = PgBouncer(layout, NOWHERE, secrets, "seatrial", members[0].endpoint)
            await Cluster(members, pooler, print).configure()
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    asyncio.run(main())


def test_whichever_member_can_takes_what_is_shipped_as_soon_as_it_can(made: Layout) -> None:
    with manager(made, SECOND, 503, 503, 200) as asked:
        configure(made)

    assert len(asked) == 3
    assert all(each.items() >= CONSENSUS.items() and each["begun"] for each in asked)


def test_members_that_never_agree_end_the_start_with_what_each_of_them_said(
    made: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_AGREED_WITHIN_S", 0.3)
    with manager(made, SECOND, 503), pytest.raises(PartFailed) as failed:
        configure(made)

    assert "not reached within 0.3 s: members that agree on what is shipped" in str(failed.value)
    assert "Connection refused" in str(failed.value)
    assert "503 no leader of the votes" in str(failed.value)
