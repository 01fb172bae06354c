"""What can be wrong with a base backup that a listing shows as whole."""

import re

from faults._backups import BUCKET, PREFIX, Spoilt, cut_before, data_of_newest, flipped, infos, text
from faults._store import refused
from seatrial import Destroy, Observe, fault

ACCOUNT = "arn:aws:iam::000000000000"
# pg_operator of the database `postgres`: initdb wrote it, and nothing since, so that no replay mends it.
UNTOUCHED, PAGE = "base/5/2617", 1
CONTROL_FILE = "global/pg_control"


@fault("backup-truncated", kind="data", caught_by={"DR-PG-04": "unexpected end of data"}, takes_s=30.0)
class Truncated(Spoilt):
    """The archive of the newest backup ends in its middle: the disk it was packed on was full, and nobody read the error.

    Source: https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/ (backups that had failed
    were not noticed until one was needed)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the archive."""
        return data_of_newest(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Keep the first half."""
        return body[: len(body) // 2 + 100]


@fault("backup-last-part-lost", kind="data", caught_by={"DR-PG-04": "has no backup_label"}, takes_s=30.0)
class LastPartLost(Spoilt):
    """The upload of the archive was completed without its last part: it ends between two files, and unpacks without an error.

    Source: https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP (without backup_label
    the server starts, and the data is corrupt)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the archive."""
        return data_of_newest(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Cut it before the control file, which is packed last."""
        return cut_before(body, CONTROL_FILE)


@fault("backup-page-flipped", kind="data", caught_by={"DR-PG-04": "invalid page in block"}, takes_s=30.0)
class PageFlipped(Spoilt):
    """One bit of one page of a table is not what was written; the archive unpacks and the server starts.

    Source: https://www.postgresql.org/docs/16/checksums.html (data pages that storage has corrupted silently)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the archive."""
        return data_of_newest(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Flip the last bit of a page which nobody has written since initdb."""
        return flipped(body, UNTOUCHED, PAGE)


@fault("backup-empty", kind="data", caught_by={"DR-PG-04": "data of backup"}, takes_s=30.0)
class Empty(Spoilt):
    """The archive of the newest backup has no byte.

    Source: https://about.gitlab.com/blog/2017/02/10/postmortem-of-database-outage-of-january-31/ (dumps of a few bytes)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the archive."""
        return data_of_newest(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Keep nothing of it."""
        return body[:0]


@fault("backup-key-lost", kind="data", caught_by={"DR-PG-04": "ReadError"}, takes_s=30.0)
class KeyLost(Spoilt):
    """The archive was encrypted with a key that nobody has any more: every byte is there, and none can be read.

    Source: NIST SP 800-57 Part 1 Rev. 5, 5.3 (what was encrypted under a lost key is lost)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the archive."""
        return data_of_newest(destroy)

    def spoil(self, body: bytes) -> bytes:
        """Replace every byte by another."""
        return body.translate(bytes(each ^ 0x5A for each in range(256)))


@fault("backup-of-another-server", kind="data", caught_by={"DR-PG-04": "a copy of cluster"}, takes_s=30.0)
class OfAnotherServer(Spoilt):
    """Two servers back up to the same place, and the newest backup is the other one's.

    Source: https://docs.pgbarman.org/ (barman-cloud: a server's name is the folder of its backups)
    """

    def key(self, destroy: Destroy) -> str:
        """Choose the description of the newest."""
        return max(infos(destroy))

    def spoil(self, body: bytes) -> bytes:
        """Give it another cluster's identifier."""
        return re.sub(rb"(?m)^(systemid=)\d+$", rb"\g<1>7000000000000000001", body)


@fault("backup-data-expired", kind="cloud objects", caught_by={"DR-PG-04": "data of backup"}, takes_s=30.0)
class DataExpired:
    """A clean-up by size or age took the archive of the newest backup and left its description, by which it still counts.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html
    """

    def __init__(self) -> None:
        self._key = ""

    def strike(self, destroy: Destroy) -> None:
        """Delete it."""
        self._key = data_of_newest(destroy)
        destroy.s3.delete_object(BUCKET, self._key)

    def in_effect(self, observe: Observe) -> bool:
        """Ask for it."""
        return observe.s3.head(BUCKET, self._key).status == 404


@fault("backup-unreadable", kind="cloud objects", caught_by={"DR-PG-04": "that can be read"}, takes_s=30.0)
class Unreadable:
    """The key that writes backups may not read them: every upload succeeds, and no restore.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html (an explicit deny wins)
    """

    def strike(self, destroy: Destroy) -> None:
        """Deny it by a policy of the bucket."""
        self._backup = destroy.s3.service("backup")
        statement = {
            "Effect": "Deny",
            "Principal": {"AWS": f"{ACCOUNT}:user/backup"},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{destroy.s3.bucket(BUCKET)}/{PREFIX}/base/*"],
        }
        destroy.s3.set_policy(BUCKET, {"Version": "2012-10-17", "Statement": [statement]})

    def in_effect(self, _observe: Observe) -> bool:
        """Be refused with the key that backs up."""
        return refused(self._backup, BUCKET, name=f"{PREFIX}/base/not-there") is True


@fault("backup-not-encrypted", kind="configuration", caught_by={"DR-PG-04": "encrypted at rest by"}, takes_s=30.0)
class NotEncrypted:
    """The bucket lost its rule to encrypt what it stores, and what was written since lies open to whoever has the disk.

    Source: CWE-311 (missing encryption of sensitive data)
    """

    def __init__(self) -> None:
        self._key = ""

    def strike(self, destroy: Destroy) -> None:
        """Take the rule away, and write a description as it is once more."""
        destroy.s3.set_encryption(BUCKET, None)
        self._key = max(infos(destroy))
        destroy.s3.put_object(BUCKET, self._key, text(destroy, self._key).encode())

    def in_effect(self, observe: Observe) -> bool:
        """Ask for what was written how it is encrypted."""
        seen = observe.s3.head(BUCKET, self._key)
        return seen.ok and "ServerSideEncryption" not in seen.data
