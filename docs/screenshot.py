"""Take a picture of a page, or of the first part of it that a selector finds, and make sure that the page asks no network for anything.

    python docs/screenshot.py reports/out/verdict.html docs/verdict.png
    python docs/screenshot.py reports/out/verdict.html docs/drill.png --part 'figure:has(svg[aria-label*="DR-PG-01"])'

The browser is that of `make setup`, or the one in CHROMIUM.
"""

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = Path(".cache/node/chromium/chromium")
LOCAL = ("file:", "data:", "blob:", "about:")


def main() -> None:
    """Write the picture; ends with a line and exit code 1 where there is nothing to take it of, or something was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--part", help="CSS selector; by default the top of the page")
    options = parser.parse_args()
    program = Path(os.environ.get("CHROMIUM") or CHROMIUM).resolve()
    for needed, hint in ((options.page, ""), (program, " (make setup, or name one in CHROMIUM)")):
        if not needed.is_file():
            sys.exit(f"{needed} is not there{hint}")
    # Root has no sandbox of its own to enter; what is opened is a file that we wrote.
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    libraries: dict[str, str | float | bool] = {**os.environ, "LD_LIBRARY_PATH": str(program.parent / "lib")}
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox, env=libraries)
        page = browser.new_page(
            viewport={"width": 1100, "height": 900},
            color_scheme="light",
            device_scale_factor=1.5 if options.part else 1,
        )
        page.on("request", lambda request: asked.append(request.url))
        page.goto(options.page.resolve().as_uri(), wait_until="networkidle")
        if options.part:
            page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
            part = page.locator(options.part).first
            if not part.count():
                sys.exit(f"{options.page} has no {options.part}")
            part.screenshot(path=options.picture)
        else:
            page.screenshot(path=options.picture)
        browser.close()
    if left := [url for url in asked if not url.startswith(LOCAL)]:
        sys.exit(f"{options.page} asks for {', '.join(left[:3])}")
    print(f"{options.picture}: {len(asked)} requests, none of which left the machine")


if __name__ == "__main__":
    main()
