"""Pages that every probe calls healthy and nobody can use."""

from typing import ClassVar

from faults._code import PatchedRelease
from faults.security._ingress import PatchedIngress, site
from seatrial import Observe, fault
from seatrial.platform import Patch

HTML, STATIC = "system/frontend/html", "system/frontend/static"
SECURITY, PREVIEW = "system/frontend/security.py", "system/worker/preview.py"


@fault(
    "upload-script-broken",
    kind="code",
    caught_by={"DEP-WEB-01": "no error in the console on the upload page"},
    takes_s=40.0,
)
class ScriptBroken(PatchedRelease):
    """The upload page's script lacks a parenthesis, so that none of it runs.

    Source: https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Errors/Missing_parenthesis_after_argument_list
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=f"{STATIC}/upload.js", find='const form = byId("upload");', replace='const form = byId("upload";')
    ]


@fault(
    "policy-without-the-player",
    kind="code",
    caught_by={"DEP-WEB-01": "for the Content-Security-Policy to refuse on an asset"},
    takes_s=40.0,
)
class PolicyWithoutPlayer(PatchedRelease):
    """The policy names no source for media, so that the browser does not load the preview.

    Source: https://www.w3.org/TR/CSP3/#directive-media-src
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=SECURITY, find='        f"media-src {settings.play_origin}",\n', replace="")]


@fault("play-host-for-itself-alone", kind="configuration", caught_by={"DEP-WEB-01": "no failed request on an asset"})
class ForItselfAlone(PatchedIngress):
    """The play host forbids other origins to embed what it serves, as a set of hardening headers does: no page may play it.

    Source: https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
    """

    def edits(self, loaded: str) -> list[tuple[str, str]]:
        """Add the header to the play host's answers."""
        begin = site(loaded, "play")
        return [(begin, f'{begin}\theader >Cross-Origin-Resource-Policy "same-origin"\n')]

    def shows(self, observe: Observe) -> bool:
        """Read it on an answer of the play host."""
        return observe.http.get("play:/version").headers.get("cross-origin-resource-policy") == "same-origin"


@fault(
    "preview-in-another-codec",
    kind="code",
    caught_by={"DEP-WEB-01": "a picture of 640 x 360 in the player"},
    takes_s=60.0,
)
class AnotherCodec(PatchedRelease):
    """The worker writes MPEG-4 Part 2, which FFmpeg's own players show and no browser does.

    Source: https://developer.mozilla.org/en-US/docs/Web/Media/Guides/Formats/Video_codecs
    """

    services = ("worker",)
    patch: ClassVar = [
        Patch(file=PREVIEW, find='*encoder.arguments, "-profile:v", "high"', replace='"-c:v", "mpeg4", "-q:v", "5"'),
        Patch(file=PREVIEW, find='found != ("h264", "yuv420p")', replace='found[1] != "yuv420p"'),
    ]


@fault("link-renewed-to-the-poster", kind="code", caught_by={"DEP-WEB-01": "can be read by another link"}, takes_s=40.0)
class RenewedToThePoster(PatchedRelease):
    """The link that a player asks for when its own has ended opens the poster: what is paused for long cannot be played on.

    Source: https://html.spec.whatwg.org/multipage/media.html#dom-mediaerror-media_err_src_not_supported
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file="system/frontend/pages.py", find='json={"variant": "preview"}', replace='json={"variant": "poster"}')
    ]


@fault("promote-button-of-no-form", kind="code", caught_by={"DEP-WEB-01": "the asset after promoting"}, takes_s=70.0)
class OfNoForm(PatchedRelease):
    """The button that promotes is one of type "button", which does nothing, and no script gives it something to do.

    Source: https://html.spec.whatwg.org/multipage/form-elements.html#attr-button-type-button-state ("Does nothing")
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=f"{HTML}/asset.html",
            find='<button aria-describedby="promote-said">',
            replace='<button type="button" aria-describedby="promote-said">',
        )
    ]


@fault("soft-text-too-light", kind="code", caught_by={"DEP-WEB-01": "no rule of WCAG 2.2 broken on"}, takes_s=40.0)
class TooLight(PatchedRelease):
    """The grey of secondary text has a contrast of 2.6 to the page.

    Source: WCAG 2.2, success criterion 1.4.3, "Contrast (Minimum)"
    """

    services = ("frontend",)
    patch: ClassVar = [Patch(file=f"{STATIC}/app.css", find="--soft: #545d68", replace="--soft: #9aa3ad")]


@fault("focus-not-shown", kind="code", caught_by={"DEP-WEB-01": "that shows its focus"}, takes_s=40.0)
class FocusNotShown(PatchedRelease):
    """The outline around the element that has the focus was taken away, since it did not look nice.

    Source: https://www.w3.org/WAI/WCAG22/Techniques/failures/F78
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=f"{STATIC}/app.css",
            find=":focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }",
            replace=":focus-visible { outline: none; }",
        )
    ]


@fault("sign-out-by-mouse-only", kind="code", caught_by={"DEP-WEB-01": "reached by the Tab key"}, takes_s=40.0)
class ByMouseOnly(PatchedRelease):
    """The button that signs out was taken out of the order of the Tab key.

    Source: WCAG 2.2, success criterion 2.1.1, "Keyboard"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=f"{HTML}/base.html",
            find='<button class="quiet">Sign out</button>',
            replace='<button class="quiet" tabindex="-1">Sign out</button>',
        )
    ]
