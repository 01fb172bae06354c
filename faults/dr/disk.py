"""Services that a full disk brings down, or that fill it themselves."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

WORKSPACE, CACHE = "system/worker/workspace.py", "system/edge/cache.py"


@fault("job-files-leaked", kind="code", caught_by={"DR-DSK-01": "no file left behind at worker"}, takes_s=30.0)
class JobFilesLeaked(PatchedRelease):
    """Each attempt has a directory of its own, and nobody removes it.

    Source: CWE-459, Incomplete Cleanup (https://cwe.mitre.org/data/definitions/459.html)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=WORKSPACE,
            find="        path = self.root / name\n",
            replace='        path = self.root / f"{name}-{os.urandom(4).hex()}"\n',
        ),
        Patch(
            file=WORKSPACE,
            find="            if path.exists():\n                shutil.rmtree(path)\n",
            replace="            pass\n",
        ),
    ]


@fault("probe-files-leaked", kind="code", caught_by={"DR-DSK-01": "no file left behind at"}, takes_s=30.0)
class ProbeFilesLeaked(PatchedRelease):
    """The file by which readiness asks for room stays: one more each second, and none of them of any use.

    Source: CWE-459, Incomplete Cleanup (https://cwe.mitre.org/data/definitions/459.html)
    """

    services = ("worker", "edge")
    patch: ClassVar = [Patch(file="system/common/disk.py", find="        Path(name).unlink()\n", replace="")]


@fault("full-disk-blames-the-job", kind="code", caught_by={"DR-DSK-01": "its attempt not counted"}, takes_s=30.0)
class FullDiskBlamesTheJob(PatchedRelease):
    """What the disk refuses is taken for the video's fault: a few minutes without room use up everybody's attempts.

    Source: https://learn.microsoft.com/en-us/azure/architecture/patterns/retry (a transient fault of the surroundings is no
    failure of the operation)
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(
            file=WORKSPACE,
            find="except (OSError, PipelineError, BadInputError) as error:",
            replace="except BlockingIOError as error:",
        )
    ]


@fault(
    "full-cache-refuses", kind="code", caught_by={"DR-DSK-01": "the preview played, whole and in part"}, takes_s=30.0
)
class FullCacheRefuses(PatchedRelease):
    """A cache that cannot be written is taken for a store that cannot be read: viewers get 503 for objects that are there.

    Source: https://docs.nginx.com/nginx/admin-guide/content-cache/content-caching/ (a cache stands in front of the origin,
    which answers whenever the cache cannot)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=CACHE,
            find='extra={"reason": str(error)})\n            return CachedObject(head, None, time.monotonic())\n',
            replace='extra={"reason": str(error)})\n            raise StoreUnavailableError("the cache cannot be written") from error\n',
        )
    ]


@fault("cache-never-used-again", kind="code", caught_by={"DR-DSK-01": "not reached: cache used again"}, takes_s=30.0)
class CacheNeverUsedAgain(PatchedRelease):
    """The first write that fails turns the cache off until somebody restarts the edge.

    Source: https://sre.google/sre-book/addressing-cascading-failures/ (a cache that stays cold hands all load to what is
    behind it)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=CACHE, find="WRITE_AGAIN_S = 5.0", replace="WRITE_AGAIN_S = 5e9")]
