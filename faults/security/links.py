"""Signatures that open more than they were made for, and refusals that say too much."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

PLAY = "system/edge/play.py"


@fault(
    "link-path-normalised-late",
    kind="code",
    caught_by={"SEC-HMAC-04": "no object for a signature taken to dot segments after mine"},
    takes_s=30.0,
)
class NormalisedLate(PatchedRelease):
    """The edge verifies the beginning of the path, then looks up what the whole of it leads to.

    Source: CVE-2021-41773
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=PLAY, find="_PATH.fullmatch(scope", replace="_PATH.match(scope"),
        Patch(
            file=PLAY,
            find="asset_id, variant, left_s = found\n",
            replace=(
                'left_s = found[2]\n        asset_id, variant = os.path.normpath(scope["path"]).split("/")[-2:]\n'
            ),
        ),
    ]


@fault("link-slashes-merged", kind="configuration", caught_by={"SEC-HMAC-04": "a double slash inside"})
class SlashesMerged(PatchedIngress):
    """The ingress merges slashes before the edge sees the path: one link has many spellings, for caches and logs too.

    Source: https://nginx.org/en/docs/http/ngx_http_core_module.html#merge_slashes (on unless it is turned off)
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Rewrite the path in front of the edge."""
        begin = site(loaded, "play")
        return [(begin, f"{begin}\turi path_regexp //+ /\n")]

    def shows(self, observe: Observe) -> bool:
        """Be answered by a page of which the path has one slash only."""
        return observe.http.get(f"{observe.profile.urls['play']}//version").status == 200


@fault("link-end-slash-cut", kind="configuration", caught_by={"SEC-HMAC-02": "no object for a link with variant extra"})
class EndSlashCut(PatchedIngress):
    """The ingress takes a slash off the end before the edge sees the path: a link that was never signed opens.

    Source: CWE-647, "Use of Non-Canonical URL Paths for Authorization Decisions", which names the trailing slash; one that
    opened accounts: https://www.raijuna.com/blog/the-trailing-slash-that-bypassed-authentication
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Rewrite the path in front of the edge."""
        begin = site(loaded, "play")
        return [(begin, f"{begin}\turi strip_suffix /\n")]

    def shows(self, observe: Observe) -> bool:
        """Be answered by a page of which the path has no slash at its end."""
        return observe.http.get("play:/version/").status == 200


@fault(
    "refusal-names-the-field",
    kind="code",
    caught_by={"SEC-HMAC-06": "the same refusal for"},
    takes_s=30.0,
)
class NamesTheField(PatchedRelease):
    """The error text says whether the link could be read at all, or was read and is wrong.

    Source: CWE-209, "Generation of Error Message Containing Sensitive Information"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(
            file=PLAY,
            find='await problem(403, "The link is not valid.", headers=_NO_STORE)(scope, receive, send)',
            replace=(
                'said = "signature" if parse_query(scope["query_string"].decode("latin-1")) else "query"\n'
                '            await problem(403, f"The {said} is not valid.", headers=_NO_STORE)(scope, receive, send)'
            ),
        )
    ]


@fault("refusal-looks-first", kind="code", caught_by={"SEC-HMAC-06": "no gap in time beyond"}, takes_s=30.0)
class LooksFirst(PatchedRelease):
    """The edge looks whether there is such an object before it refuses: the time it takes tells which assets exist.

    Source: CWE-208, "Observable Timing Discrepancy"
    """

    services = ("edge",)
    patch: ClassVar = [
        Patch(file=PLAY, find="\nimport os\n", replace="\nimport contextlib\nimport os\n"),
        Patch(
            file=PLAY,
            find="            metrics.refusals.inc()\n",
            replace=(
                "            metrics.refusals.inc()\n"
                '            asked = _PATH.fullmatch(scope.get("raw_path") or b"")\n'
                "            with contextlib.suppress(ObjectMissingError, StoreUnavailableError):\n"
                "                if asked and asked[2].decode() in OBJECTS:\n"
                '                    await self._cache.get(f"previews/{asked[1].decode()}/{OBJECTS[asked[2].decode()]}")\n'
            ),
        ),
    ]
