"""What journeys start from: a session, something to watch, and where what they make is noted for removal."""

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

import gevent

from seatrial import Failure
from suites.client import Asset, Client, Clip, Session, generated_clip, small_clip

PREVIEW_S = 30.0
REMOVED_S = 60.0


@dataclass
class Given:
    """What the journeys of one worker share.

    Attributes:
        asset: one that is ready, long enough for a player to ask for several ranges.
        clip: what is uploaded.
        made: assets to remove, each with the moment from which that is allowed.
    """

    session: Session
    asset: Asset
    clip: Clip
    content: bytes
    made: list[tuple[str, datetime]] = field(default_factory=list)
    marker: str = field(default_factory=lambda: f"seatrial-load-{uuid.uuid4().hex[:12]}")

    @classmethod
    def prepare(cls, client: Client, email: str, password: str) -> "Given":
        """Sign in, and upload what is to be watched; leaves nothing behind where that fails, and raises Failure."""
        session = client.sign_in(email, password)
        long, short = generated_clip(seed=3, duration_s=8, width=640, height=360), small_clip()
        created = session.create("load: watched by many", long.content)
        given = cls(session, created.asset, short, short.content)
        given.note(created.asset)
        try:
            if created.upload:
                session.complete(created.asset.id, session.put(created.upload, long.content))
            given.asset = session.wait(created.asset.id, within_s=PREVIEW_S)
        except BaseException:  # also where Locust ends this greenlet
            given.tidy()
            raise
        return given

    def note(self, asset: Asset) -> None:
        """Keep in mind that an asset is ours to remove."""
        until = asset.master.retained_until if asset.master else datetime.min.replace(tzinfo=UTC)
        self.made = [(known, since) for known, since in self.made if known != asset.id]
        self.made.append((asset.id, until))

    def stay_signed_in(self) -> None:
        """Renew the session at half of its life, until this greenlet is ended."""
        while True:
            gevent.sleep(self.session.tokens.expires_in_s / 2)
            self.session.refresh()

    def remove_some(self) -> None:
        """Remove what nobody needs any more, one asset after another, until this greenlet is ended.

        Without it a long run would fill the environment; what is left is removed at the end.
        """
        while True:
            gevent.sleep(1.0)
            old = [each for each in self.made if each[0] != self.asset.id and each[1] < datetime.now(UTC)]
            for asset_id, since in old[:-20]:
                if self.session.delete(asset_id).status in {204, 404}:
                    self.made.remove((asset_id, since))

    def tidy(self) -> None:
        """Remove everything and sign out; raises Failure for what stays."""
        deadline_s = time.monotonic() + REMOVED_S
        for asset_id, since in sorted(self.made, key=lambda each: each[1]):
            gevent.sleep(max(0.0, (since - datetime.now(UTC)).total_seconds()))
            self.session.remove(asset_id, within_s=max(1.0, deadline_s - time.monotonic()))
        self.made.clear()
        self.session.sign_out()


def ready(given: Given, asset: Asset) -> Asset:
    """Wait for the preview as a page does that asks twice a second; raises Failure when it does not come."""
    deadline_s = time.monotonic() + PREVIEW_S
    while True:
        seen = given.session.asset(asset.id)
        if seen.status == "ready":
            return seen
        if seen.status == "failed":
            raise Failure("a ready preview", f"status failed: {seen.failure_reason}", "worker")
        if time.monotonic() > deadline_s:
            raise Failure(f"a preview within {PREVIEW_S:g} s", f"status {seen.status}", "worker")
        gevent.sleep(0.5)
