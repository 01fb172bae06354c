"""Objects with wrong bytes, wrong validators, or for everybody's cache."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

PLAY, CONDITIONS = "system/edge/play.py", "system/edge/conditions.py"


@fault("range-ends-early", kind="code", caught_by={"DEP-EDGE-01": "Content-Range: bytes 0-99/"}, takes_s=30.0)
class EndsEarly(PatchedRelease):
    """The last byte of a range is taken for the first one after it, so that every part lacks a byte.

    Source: CWE-193, "Off-by-one Error"; RFC 9110, section 14.1.2 (positions in a range are inclusive)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=CONDITIONS, find="min(int(last) + 1, size)", replace="min(int(last), size)")]


@fault("suffix-from-the-start", kind="code", caught_by={"DEP-EDGE-01": "for Range: bytes=-500"}, takes_s=30.0)
class SuffixFromStart(PatchedRelease):
    """A suffix range gives the first bytes instead of the last ones; players look there for the index.

    Source: RFC 9110, section 14.1.2 (a suffix range is the last bytes of the representation)
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=CONDITIONS, find="Part(size - length, size)", replace="Part(0, length)")]


@fault("long-range-from-the-start", kind="code", caught_by={"DEP-EDGE-01": "by Range: bytes=-600000"}, takes_s=30.0)
class LongFromStart(PatchedRelease):
    """A range that is sent in pieces is as long as it was asked for, and taken from the object's beginning.

    Source: RFC 9110, section 15.3.7.1 (Content-Range says which part of the representation is sent)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find="file_chunks(opened.descriptor, start, stop)",
            replace="file_chunks(opened.descriptor, 0, stop - start)",
        )
    ]


@fault("tag-by-instance", kind="code", caught_by={"DEP-EDGE-01": "one ETag for an object at every door"}, takes_s=30.0)
class TagByInstance(PatchedRelease):
    """Each process makes an entity tag of its own: behind a balancer every second resumed download starts again.

    Source: https://httpd.apache.org/docs/2.4/mod/core.html#fileetag (tags made of inodes differ by server)
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find="        head = opened.item.head\n",
            replace=(
                "        own = opened.item.head\n"
                "        head = type(own)(own.size, f'\"{os.getpid():x}-{own.etag[1:]}', own.sha256)\n"
            ),
        )
    ]


@fault("tag-ignored", kind="code", caught_by={"DEP-EDGE-01": "304 for If-None-Match"}, takes_s=30.0)
class TagIgnored(PatchedRelease):
    """If-None-Match is not looked at: browsers fetch what they have already, again and again.

    Source: RFC 9110, section 13.1.2
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=CONDITIONS, find='headers.get("if-none-match")', replace='headers.get("x-none-match")')
    ]


@fault(
    "resumed-across-versions", kind="code", caught_by={"DEP-EDGE-01": "200 for If-Range with another tag"}, takes_s=30.0
)
class ResumedAcross(PatchedRelease):
    """If-Range is not looked at: a download that is resumed joins the halves of two versions.

    Source: RFC 9110, section 13.1.5
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=CONDITIONS, find='headers.get("if-range", etag) != etag', replace="False")]


@fault("beyond-without-size", kind="code", caught_by={"DEP-EDGE-01": "with 416"}, takes_s=30.0)
class BeyondWithoutSize(PatchedRelease):
    """A range beyond the end is refused without the object's size, which a client needs to ask better.

    Source: RFC 9110, section 15.5.17
    """

    services = ("edge",)
    patch: ClassVar = [Patch(file=PLAY, find='"Content-Range": f"bytes */{head.size}", ', replace="")]


@fault(
    "objects-for-every-cache", kind="configuration", caught_by={"DEP-EDGE-01": "no shared cache may keep the object"}
)
class ForEveryCache(PatchedIngress):
    """A rule of the ingress makes all that the play host answers public for an hour, as if it were static files.

    Source: RFC 9111, section 5.2.2.9 (`public` lets shared caches store what they otherwise would not)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Replace the header of the play host."""
        begin = site(loaded, "play")
        return [(begin, f'{begin}\theader >Cache-Control "public, max-age=3600"\n')]

    def shows(self, observe: Observe) -> bool:
        """Read it on an answer of the play host."""
        return observe.http.get("play:/version").headers.get("cache-control") == "public, max-age=3600"


@fault("ranges-cut-off", kind="configuration", caught_by={"DEP-EDGE-01": "206 for Range: bytes=0-0"})
class RangesCutOff(PatchedIngress):
    """The ingress does not pass Range on, as a filter against range attacks once did: nobody can seek.

    Source: CVE-2011-3192, whose advisory told to drop Range until servers were mended
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Drop the field in front of the edge."""
        begin = site(loaded, "play")
        return [(begin, f"{begin}\trequest_header -Range\n")]
