"""Uploads beside a drill: each in the ledger once the product has said yes, and looked for afterwards."""

from seatrial import Exercise, require
from seatrial.drills import Ledger, require_whole
from suites.client import Asset, Clip, Created, Session, generated_clip, remove, small_clip

PREVIEW, POSTER = "preview.mp4", "poster.jpg"
LONG_S = 20.0


def long_clip(duration_s: float = LONG_S) -> Clip:
    """Return a clip that keeps a worker busy for seconds."""
    return generated_clip(seed=2, duration_s=int(duration_s), width=1920, height=1080)


class Uploads:
    """Uploads of one check, and what became of them."""

    def __init__(self, exercise: Exercise, session: Session) -> None:
        self._exercise, self._session, self._ledger = exercise, session, Ledger()

    def long(self) -> Asset:
        """Upload a clip that keeps a worker busy for seconds."""
        return self.upload("long", long_clip().content)

    def short(self, count: int) -> list[Asset]:
        """Upload so many clips that cost little."""
        return [self.upload(f"short {number}", small_clip().content) for number in range(count)]

    def upload(self, title: str, content: bytes) -> Asset:
        """Upload one; it is in the ledger once its completion has been answered."""
        return self.finish(self.announce(title, content), content)

    def announce(self, title: str, content: bytes) -> Created:
        """Announce one, and send nothing yet."""
        name = self._ledger.ask(f"{self._exercise.marker} {title}")
        created = self._session.create(name, content)
        self._exercise.cleanup(remove, self._session, created.asset.id)
        return created

    def finish(self, created: Created, content: bytes, *, timeout_s: float = 30.0) -> Asset:
        """Send and complete one that was announced; it can be repeated until it is acknowledged.

        Args:
            timeout_s: for each of the two requests.
        """
        require(created.upload is not None, "somewhere to upload to", f"{created}")
        assert created.upload is not None
        parts = self._session.put(created.upload, content, timeout_s=timeout_s)
        asset = self._session.complete(created.asset.id, parts, timeout_s=timeout_s)
        self._ledger.acknowledge(created.asset.title)
        return asset

    def require_whole(self, at_least: int, struck_s: float) -> None:
        """Wait until every upload is ready, and demand that none was lost or doubled; Failure otherwise."""
        self._session.wait_for_all(self._found(), within_s=float(self._exercise.target("preview_s")))
        audit = self._ledger.audit((each.title for each in self._found()), struck_s)
        self._exercise.evidence("RPO, audit of acknowledged uploads", audit.to_json())
        require_whole(audit, at_least)

    def _found(self) -> list[Asset]:
        return [each for each in self._session.assets() if each.title.startswith(self._exercise.marker)]


def results(exercise: Exercise, asset: Asset) -> dict[str, str]:
    """Return what is visible of an asset's job, ETag by key; anything but one preview and one poster is a Failure."""
    found = {each.key: each.etag for each in exercise.s3.list("previews", f"previews/{asset.id}/")}
    wanted = {f"previews/{asset.id}/{name}" for name in (PREVIEW, POSTER)}
    require(set(found) == wanted, "one preview and one poster", f"{sorted(found)}", "s3")
    return found
