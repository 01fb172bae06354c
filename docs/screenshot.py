"""Take the README's picture of the last verdict page: `python docs/screenshot.py [reports/out/verdict.html]`.

Needs a Chromium on PATH (or its path in CHROMIUM); nothing is loaded from any network.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Render the page and write docs/verdict.png."""
    page_file = Path(sys.argv[1] if len(sys.argv) > 1 else "reports/out/verdict.html").resolve()
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not page_file.is_file() or not browser_path:
        sys.exit(f"needs {page_file} (make gate) and a Chromium on PATH or in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path="docs/verdict.png")
        browser.close()


if __name__ == "__main__":
    main()
