"""What faults on backups share: where Barman keeps them, and spoilt copies of what is there."""

import datetime as dt
import gzip
import hashlib
import io
import re
import tarfile
from abc import ABC, abstractmethod

from seatrial import Destroy, Observe, eventually
from seatrial.errors import HarnessError

BUCKET = "backups"
PREFIX = "postgres/seatrial"
ONE_SEGMENT_BYTES = 1 << 20  # write_wal ends the segment, however little is in it
ARCHIVED_WITHIN_S = 75.0
# XLogLongPageHeaderData of PostgreSQL: the identifier of the cluster follows the page's common header.
_CLUSTER_AT = slice(24, 32)
_PAGE_BYTES = 8192
_LAST_ARCHIVED = "select left(last_archived_wal, 24) as segment from pg_stat_archiver"
_WRITTEN = "select pg_walfile_name(pg_current_wal_lsn()) as segment"


def infos(handle: Observe) -> list[str]:
    """List the descriptions of base backups."""
    return [each.key for each in handle.s3.list(BUCKET, f"{PREFIX}/base/") if each.key.endswith("/backup.info")]


def text(handle: Observe, key: str) -> str:
    """Read an object as text."""
    return handle.s3.get(BUCKET, key).body.decode()


def aged(info: str, by: dt.timedelta) -> str:
    """Date a description back."""

    def earlier(found: re.Match[str]) -> str:
        return f"{found[1]}{dt.datetime.fromisoformat(found[2]) - by}"

    return re.sub(r"^((?:begin|end)_time=)(.+)$", earlier, info, flags=re.MULTILINE)


def data_of_newest(handle: Observe) -> str:
    """Return the key of the newest backup's archive."""
    folder = max(infos(handle)).removesuffix("backup.info")
    archives = [each.key for each in handle.s3.list(BUCKET, folder) if each.key.endswith("/data.tar")]
    if not archives:
        raise HarnessError(f"no data.tar below {folder}")
    return archives[0]


def cut_before(archive: bytes, member: str) -> bytes:
    """Return an archive without this member and all behind it."""
    with tarfile.TarFile(fileobj=io.BytesIO(archive)) as whole:
        return archive[: whole.getmember(member).offset]


def flipped(archive: bytes, member: str, page: int) -> bytes:
    """Return an archive with one bit of a member's page the other way round."""
    with tarfile.TarFile(fileobj=io.BytesIO(archive)) as whole:
        found = whole.getmember(member)
    at = found.offset_data + page * _PAGE_BYTES + _PAGE_BYTES - 1
    if (page + 1) * _PAGE_BYTES > found.size:
        raise HarnessError(f"{member} has no page {page}")
    return archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]


def segment_key(segment: str) -> str:
    """Return where a segment of the log is kept."""
    return f"{PREFIX}/wals/{segment[:16]}/{segment}.gz"


def archived_segment(destroy: Destroy) -> str:
    """End a segment of the log, wait until it is archived, and return where it is kept."""
    segment = str(destroy.pg.rows(_WRITTEN)[0]["segment"])
    destroy.pg.write_wal(ONE_SEGMENT_BYTES)
    eventually(
        lambda: (
            str(destroy.pg.rows(_LAST_ARCHIVED)[0]["segment"]) >= segment
            and destroy.s3.head(BUCKET, segment_key(segment)).ok
        ),
        within_s=ARCHIVED_WITHIN_S,
        what=f"{segment} archived",
    )
    return segment_key(segment)


def of_cluster(segment: bytes, cluster: int) -> bytes:
    """Return a compressed segment as another cluster would have written it."""
    log = bytearray(gzip.decompress(segment))
    log[_CLUSTER_AT] = cluster.to_bytes(8, "little")
    return gzip.compress(bytes(log), compresslevel=1)


class Spoilt(ABC):
    """Writes an object again, otherwise; in effect while what is read is not what was there."""

    def __init__(self) -> None:
        self._key, self._whole = "", ""

    @abstractmethod
    def key(self, destroy: Destroy) -> str:
        """Choose the object."""

    @abstractmethod
    def spoil(self, body: bytes) -> bytes:
        """Return what is to be there."""

    def strike(self, destroy: Destroy) -> None:
        """Write it."""
        self._key = self.key(destroy)
        body = destroy.s3.get(BUCKET, self._key).body
        spoilt = self.spoil(body)
        if not body or spoilt == body:
            raise HarnessError(f"{BUCKET}/{self._key} cannot be spoilt: it has {len(body)} bytes")
        self._whole = hashlib.sha256(body).hexdigest()
        destroy.s3.put_object(BUCKET, self._key, spoilt)

    def in_effect(self, observe: Observe) -> bool:
        """Read the object and compare it with what it was."""
        now = observe.s3.get(BUCKET, self._key)
        return now.ok and hashlib.sha256(now.body).hexdigest() != self._whole
