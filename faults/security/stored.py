"""Places where somebody's text is taken for code, or where fear of that spoils the text."""

from typing import ClassVar

from faults._code import PatchedRelease
from seatrial import fault
from seatrial.platform import Patch

ASSETS, MODELS, TEMPLATES = "system/api/assets.py", "system/api/models.py", "system/frontend/templates.py"
PAGES = "system/frontend/html"


@fault(
    "title-unescaped",
    kind="code",
    caught_by={"SEC-API-02": "no element made of a text in page"},
    takes_s=30.0,
)
class TitleUnescaped(PatchedRelease):
    """The list puts titles into the page as they are; that nothing runs is the policy's doing alone.

    Source: CWE-79, "Improper Neutralization of Input During Web Page Generation"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=f"{PAGES}/list.html", find="{{ asset.title }}</a>", replace="{{ asset.title|safe }}</a>")
    ]


@fault(
    "label-unescaped",
    kind="code",
    caught_by={"SEC-API-02": "no element made of a text in the page of an asset that is ready"},
    takes_s=30.0,
)
class LabelUnescaped(PatchedRelease):
    """One attribute of the player, on the page of a ready asset only, ends where the title says.

    Source: CWE-83, "Improper Neutralization of Script in Attributes in a Web Page"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=f"{PAGES}/asset.html",
            find='aria-label="{{ asset.title }}"',
            replace='aria-label="{{ asset.title|safe }}"',
        )
    ]


@fault(
    "email-unescaped",
    kind="code",
    caught_by={"SEC-API-02": "no element made of a text in a refused sign-in"},
    takes_s=30.0,
)
class EmailUnescaped(PatchedRelease):
    """The sign-in form repeats the e-mail of a refused attempt as it is.

    Source: CAPEC-591, "Reflected XSS"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(file=f"{PAGES}/sign-in.html", find='value="{{ email }}"', replace='value="{{ email|safe }}"')
    ]


@fault(
    "title-as-template",
    kind="code",
    caught_by={"SEC-API-02": "a template, braces shown as given"},
    takes_s=30.0,
)
class TitleAsTemplate(PatchedRelease):
    """A rendered page is rendered once more, so that a title's braces are evaluated on the server.

    Source: CWE-1336, "Improper Neutralization of Special Elements Used in a Template Engine"
    """

    services = ("frontend",)
    patch: ClassVar = [
        Patch(
            file=TEMPLATES,
            find='return HTMLResponse(self._environment.get_template(f"{name}.html").render(values), status)',
            replace=(
                'once = self._environment.get_template(f"{name}.html").render(values)\n'
                "        return HTMLResponse(self._environment.from_string(once).render(values), status)"
            ),
        )
    ]


@fault(
    "title-escaped-on-the-way-in",
    kind="code",
    caught_by={"SEC-API-02": "as given, as created"},
    takes_s=30.0,
)
class EscapedOnTheWayIn(PatchedRelease):
    """Titles are stored with HTML entities, for one of their readers; every other one gets them spoilt.

    Source: https://cheatsheetseries.owasp.org/cheatsheets/Cross_Site_Scripting_Prevention_Cheat_Sheet.html
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=MODELS,
            find="Title = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]",
            replace=(
                "import html\n"
                "from pydantic import AfterValidator\n"
                "Title = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE), AfterValidator(html.escape)]"
            ),
        )
    ]


@fault(
    "rename-by-pasting-sql",
    kind="code",
    caught_by={"SEC-API-02": "the file name as it was after renaming to SQL, another column"},
    takes_s=30.0,
)
class PastedSql(PatchedRelease):
    """The title is pasted into the statement that renames, between quotes that a title can close.

    Source: CWE-89, "Improper Neutralization of Special Elements used in an SQL Command"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(
            file=ASSETS,
            find=(
                '        "update assets set title = %s where id = %s and account_id = %s returning *",\n'
                "        (change.title, asset_id, caller.account_id),"
            ),
            replace=(
                "        f\"update assets set title = '{change.title.replace(chr(37), chr(37) * 2)}'"
                ' where id = %s and account_id = %s returning *",\n'
                "        (asset_id, caller.account_id),"
            ),
        )
    ]


@fault(
    "names-with-line-ends",
    kind="code",
    caught_by={"SEC-API-02": "422 for CR LF as title"},
    takes_s=30.0,
)
class NamesWithLineEnds(PatchedRelease):
    """Titles and file names may hold control characters, for whoever writes one into a header or a log.

    Source: CWE-93, "Improper Neutralization of CRLF Sequences"
    """

    services = ("api",)
    patch: ClassVar = [
        Patch(file=MODELS, find='PRINTABLE = r"^[^\\x00-\\x1f\\x7f]+$"', replace='PRINTABLE = r"^[^\\x00]+$"')
    ]
