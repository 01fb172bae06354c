"""Base backups and archived write-ahead log as Barman lays them out in a bucket: read from a listing, judged without it."""

import datetime as dt
import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seatrial import Failure, Invalid, Observe, require

_INFO = re.compile(r"/base/([^/]+)/backup\.info$")
_COMPRESSED = r"(?:\.(?!partial$)[a-z0-9]+)?$"
_SEGMENT = re.compile(rf"/wals/[0-9A-F]{{16}}/([0-9A-F]{{24}}){_COMPRESSED}")
_LEFT = re.compile(r"^\s*(\d+)\s+([0-9A-F]+)/([0-9A-F]+)", re.MULTILINE)
_GZIP = b"\x1f\x8b"
_LOG_BYTES = 1 << 32  # segments are numbered anew in each logical log file of 4 GiB


@dataclass(frozen=True)
class Backup:
    """One base backup.

    Attributes:
        name: Barman's id of it.
        cluster: the system identifier of the cluster that it is a copy of.
        ended: when it ended; None while it has not, or failed.
        first, last: the segments of the log that a restore of it needs at the least.
        data_bytes: size of its archives.
    """

    name: str
    cluster: str
    ended: dt.datetime | None
    first: str
    last: str
    data_bytes: int

    @classmethod
    def read(cls, name: str, info: str, data_bytes: int) -> "Backup":
        """Read its backup.info; raises KeyError for a field that is missing, ValueError for one that is garbled."""
        fields = dict(line.split("=", 1) for line in info.splitlines() if "=" in line)
        whole = fields["status"] == "DONE"
        ended = dt.datetime.fromisoformat(fields["end_time"]) if whole else None
        return cls(name, fields["systemid"], ended, fields["begin_wal"], fields["end_wal"], data_bytes)


def read_backups(handle: Observe, bucket: str, sizes: Mapping[str, int]) -> list[Backup]:
    """Read every base backup that a listing (size by key) shows; raises Failure for a description that cannot be read."""
    found = []
    for name, key in backup_names(sizes).items():
        answer = handle.s3.get(bucket, key)
        require(answer.ok, f"{key} to be read", answer, bucket)
        folder = key.removesuffix("backup.info")
        data_bytes = sum(size for other, size in sizes.items() if other.startswith(folder) and other != key)
        try:
            found.append(Backup.read(name, answer.body.decode(), data_bytes))
        except (KeyError, ValueError) as error:
            raise Failure(f"a readable {key}", f"{type(error).__name__}: {error}", bucket) from None
    return found


def backup_names(keys: Iterable[str]) -> dict[str, str]:
    """Find the backups among keys: the key of backup.info by the backup's id."""
    return {found[1]: key for key in keys if (found := _INFO.search(key))}


def archived(modified: Mapping[str, dt.datetime]) -> dict[str, dt.datetime]:
    """Find the segments among keys: when each was stored, by its name; labels and histories are none."""
    return {found[1]: when for key, when in modified.items() if (found := _SEGMENT.search(key))}


def is_stored(name: str, keys: Iterable[str]) -> bool:
    """Say whether what the server calls archived is among keys, compressed or not.

    Right after a failover that is no whole segment: the new primary archives the old timeline's last one as NAME.partial, and
    the history of its own as TIMELINE.history (https://www.postgresql.org/docs/16/continuous-archiving.html).
    """
    wanted = re.compile(rf"/wals/(?:[0-9A-F]{{16}}/)?{re.escape(name)}{_COMPRESSED}")
    return any(wanted.search(key) for key in keys)


def number(segment: str, segment_bytes: int) -> int:
    """Return a segment's place in the log, which goes on where the timeline changes."""
    return int(segment[8:16], 16) * (_LOG_BYTES // segment_bytes) + int(segment[16:24], 16)


def read_history(handle: Observe, bucket: str, keys: Iterable[str], timeline: str) -> str:
    """Read from which timelines one has come; raises Failure where that is not in the bucket, and Invalid where it is not readable."""
    if int(timeline, 16) == 1:
        return ""
    key = next((each for each in keys if f"/wals/{timeline}.history" in each), None)
    require(key, f"the history of timeline {timeline} in the bucket", "not there", bucket)
    answer = handle.s3.get(bucket, str(key))
    text = gzip.decompress(answer.body) if answer.body.startswith(_GZIP) else answer.body
    if not _LEFT.search(found := text.decode("latin-1")):
        raise Invalid(f"{bucket}/{key} is no history that can be read: {answer}")
    return found


def followed(
    segments: Mapping[str, dt.datetime], timeline: str, history: str, segment_bytes: int
) -> dict[str, dt.datetime]:
    """Keep the segments that a restore along this timeline reads: of each one before it, those before it was left.

    The segment in which it was left is the next one's (https://www.postgresql.org/docs/16/continuous-archiving.html).
    """
    left = {
        f"{int(before):08X}": ((int(log, 16) << 32) + int(offset, 16)) // segment_bytes
        for before, log, offset in _LEFT.findall(history)
    }
    return {
        name: when
        for name, when in segments.items()
        if name[:8] == timeline or number(name, segment_bytes) < left.get(name[:8], 0)
    }


def chain(first: str, segments: Mapping[str, dt.datetime], segment_bytes: int) -> tuple[str | None, list[str]]:
    """Follow the log from a segment on: give the last one that is reached without a gap, and those missing behind it."""
    known = {number(name, segment_bytes): name for name in segments}
    start = place = number(first, segment_bytes)
    while place in known:
        place += 1
    reached = known.get(place - 1) if place > start else None
    missing = [each for each in range(place, max(known, default=0)) if each not in known]
    return reached, [_name((reached or first)[:8], each, segment_bytes) for each in missing]


def obsolete(backups: Iterable[Backup], now: dt.datetime, window: dt.timedelta, slack: dt.timedelta) -> list[str]:
    """List the backups that no point of the recovery window needs any more, and have not needed for longer than `slack`.

    A window's first moment is restored from the newest backup before it, so that one is kept, and all before it are not.
    """
    old = sorted((each.ended, each.name) for each in backups if each.ended and each.ended < now - window - slack)
    return [name for _, name in old[:-1]]


def _name(timeline: str, place: int, segment_bytes: int) -> str:
    log, segment = divmod(place, _LOG_BYTES // segment_bytes)
    return f"{timeline}{log:08X}{segment:08X}"
