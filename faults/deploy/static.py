"""Static files that are heavier, or kept for shorter or longer, than they should be."""

import hashlib
import re
from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

STATIC, STYLES = "system/frontend/static_files.py", "system/frontend/static/app.css"
# Hexadecimal digits of hashes, which no coding makes shorter than half of them.
BALLAST = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(2_000))


@fault("codings-not-passed-on", kind="configuration", caught_by={"DEP-WEB-02": "compressed for who takes"})
class CodingsLost(PatchedIngress):
    """The ingress drops Accept-Encoding, as one does who wants to rewrite bodies: every file is sent plain.

    Source: https://nginx.org/en/docs/http/ngx_http_sub_module.html (which can only replace text in answers that are not
    compressed)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Drop the field in front of the frontend."""
        begin = site(loaded, "app")
        return [(begin, f"{begin}\trequest_header -Accept-Encoding\n")]

    def shows(self, observe: Observe) -> bool:
        """Be sent a style sheet plain."""
        styles = re.search(r"/static/[^\"]+\.css", observe.http.get("app:/sign-in").text)
        answer = observe.http.get(f"app:{styles[0]}", headers={"Accept-Encoding": "gzip"}) if styles else None
        return answer is not None and answer.status == 200 and "content-encoding" not in answer.headers


@fault("pages-compressed", kind="configuration", caught_by={"DEP-WEB-02": "a page that is not compressed"})
class PagesCompressed(PatchedIngress):
    """The ingress compresses whatever the frontend sends, pages that hold secrets and repeat the request among it.

    Source: CVE-2013-3587 (BREACH)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Compress all answers of the frontend."""
        begin = site(loaded, "app")
        return [(begin, f"{begin}\tencode gzip\n")]

    def shows(self, observe: Observe) -> bool:
        """Ask for a page packed."""
        page = observe.http.get("app:/sign-in", headers={"Accept-Encoding": "gzip"})
        return page.headers.get("content-encoding") == "gzip"


@fault("static-files-short-lived", kind="code", caught_by={"DEP-WEB-02": "immutable for a year"}, takes_s=30.0)
class ShortLived(PatchedRelease):
    """Files with a hash in their names are asked for again after five minutes, as if they could change.

    Source: RFC 8246, "HTTP Immutable Responses", section 1
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=STATIC, find="public, max-age=31536000, immutable", replace="public, max-age=300")]


@fault("static-file-for-any-hash", kind="code", caught_by={"DEP-WEB-02": "404 for another hash"}, takes_s=30.0)
class AnyHash(PatchedRelease):
    """A name with another hash gets the file of today, which caches then keep for a year under that name.

    Source: RFC 8246, "HTTP Immutable Responses", section 2 (what is immutable does not change while it is fresh)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=STATIC,
            find="            raise HTTPException(404)\n",
            replace=(
                "            name = next((each for each in self._files if each[:4] == name[:4]), None)\n"
                "            if name is None:\n"
                "                raise HTTPException(404)\n"
            ),
        )
    ]


@fault("one-tag-for-two-codings", kind="code", caught_by={"DEP-WEB-02": "an ETag of its own"}, takes_s=30.0)
class OneTag(PatchedRelease):
    """The packed and the plain file have the same strong ETag, so that a cache takes one for the other.

    Source: RFC 9110, section 8.8.3.3
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=STATIC, find='{".gz" if packed else ""}', replace="")]


@fault("styles-too-heavy", kind="code", caught_by={"DEP-WEB-02": "bytes for the page and its files"}, takes_s=30.0)
class TooHeavy(PatchedRelease):
    """A picture was put into the style sheet as text: 130 kB that every page waits for.

    Source: RFC 2397, section 2 (the `data` scheme is useful for short values only)
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=STYLES, find=".brand { font-weight: 700; }", replace=f".brand {{ --logo: x{BALLAST}; }}")
    ]
