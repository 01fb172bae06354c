"""What of an environment must be found again in one that was made anew: rows, objects, and what clients hold."""

from dataclasses import dataclass

from seatrial import Destroy, Failure, Invalid, eventually, require
from seatrial.errors import EnvironmentFault
from seatrial.probes.http import HttpAnswer
from suites.client import Asset, Session

TABLES = ("accounts", "assets", "jobs", "outbox")
BUCKETS = ("masters", "previews")
ROWS = "select md5(to_jsonb(t)::text) as digest from public.{table} t"
STILL_S = 30.0
WAYS = "lose_region", "archive", "plan"


@dataclass(frozen=True)
class Held:
    """What an environment holds at a moment at which nothing changes.

    Attributes:
        rows: table -> digest of each of its rows.
        objects: "bucket key" -> its ETag.
    """

    rows: dict[str, frozenset[str]]
    objects: dict[str, str]

    @classmethod
    def now(cls, handle: Destroy) -> "Held":
        """Read it twice, until both readings are the same; raises Invalid when they never are."""

        def still() -> Held:
            before, after = cls._read(handle), cls._read(handle)
            require(before == after, "an environment that holds still", "it changes")
            return after

        try:
            return eventually(still, within_s=STILL_S, every_s=0.5, what="two equal readings of rows and objects")
        except Failure as failure:
            raise Invalid(f"nothing is ever still, so that nothing can be compared: {failure}") from None

    @classmethod
    def _read(cls, handle: Destroy) -> "Held":
        rows = {table: frozenset(row["digest"] for row in handle.pg.rows(ROWS.format(table=table))) for table in TABLES}
        found = {bucket: handle.s3.list(bucket) for bucket in BUCKETS}
        return cls(rows, {f"{bucket} {each.key}": each.etag for bucket, keys in found.items() for each in keys})

    def require_rows(self, handle: Destroy) -> None:
        """Demand every row of then, as it was, and enough of them to say anything."""
        now = self._read(handle).rows
        empty = [table for table in TABLES if not self.rows[table]]
        require(not empty, f"rows to compare in {', '.join(TABLES)}", f"none in {', '.join(empty)}", "postgres")
        lost = [
            f"{table}: {len(gone)} of {len(self.rows[table])}"
            for table in TABLES
            if (gone := self.rows[table] - now[table])
        ]
        require(
            not lost, "every row of before the archive's last segment, unchanged", f"gone or changed: {', '.join(lost)}"
        )

    def require_objects(self, handle: Destroy) -> None:
        """Demand every object of then, by its digest, and one in each bucket at least."""
        now = self._read(handle).objects
        for bucket in BUCKETS:
            require(any(each.startswith(f"{bucket} ") for each in self.objects), f"an object in {bucket}", "none", "s3")
        lost = [each for each, etag in self.objects.items() if now.get(each) != etag]
        require(
            not lost, f"all {len(self.objects)} objects of before", f"not there, or others: {', '.join(lost[:3])}", "s3"
        )


def rebuild(handle: Destroy) -> None:
    """Have the environment made anew; that it cannot be is the finding, with the line that the command ends with."""
    try:
        handle.platform.rebuild()
    except EnvironmentFault as error:
        raise Failure("the environment rebuilt from repository, plan and store", str(error), "platform") from None


def gone(handle: Destroy) -> bool:
    """Say whether nobody answers any more, at the public door and at the platform's own."""
    page = handle.http.get("app:/sign-in", timeout_s=2.0)
    try:
        handle.platform.status()
    except EnvironmentFault:
        return page.status is None
    return False


def play(handle: Destroy, url: str) -> HttpAnswer:
    """Ask for what a playback link leads to."""
    return handle.http.get(url, timeout_s=30.0)


def require_promoted(handle: Destroy, session: Session, asset: Asset) -> None:
    """Demand that an asset's master is known to the product, and its very version in the store with the promoted bytes."""
    master = session.asset(asset.id).master
    require(master is not None, f"a master of asset {asset.id}", "none", "api")
    assert master is not None
    kept = handle.s3.get(master.bucket, master.key, master.version_id)
    seen = f"{len(kept.body)} bytes" if kept.ok else kept.error
    require(
        kept.ok and len(kept.body) == master.size_bytes, f"{master.size_bytes} bytes of its master", f"{seen}", "s3"
    )
