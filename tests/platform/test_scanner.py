"""A second scanner, by other people, finds nothing at the ingress that the checks of TLS have missed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.platforms.local.programs import DEBIAN_TREE
from tests.platform.bench import Running

pytestmark = pytest.mark.scan
SERIOUS = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}
# What it says of every certificate that lives for minutes, and of an authority that therefore revokes none.
BY_DESIGN = {"cert_expirationStatus", "cert_notAfter", "cert_revocation"}
SECTIONS = ("--protocols", "--server-preference", "--server-defaults", "--fs", "--vulnerable")
LIMIT_S = 600


@pytest.fixture
def unhurried(running: Running, tmp_path: Path) -> Iterator[Running]:
    """Have certificates outlive the scan, which looks at the first one to its end; the usual store has shorter ones."""
    (storage,) = re.findall(r'storage file_system "[^"]+"', running.get("config")["parts"]["ingress"]["Caddyfile"])
    patch = [("lifetime 75s", "lifetime 30m"), (storage, f'storage file_system "{tmp_path / "store"}"')]
    settings = {"patch": [{"find": find, "replace": replace} for find, replace in patch]}
    running.post("restart", {"part": "ingress", "settings": settings})
    yield running
    running.post("restart", {"part": "ingress"})


def test_testssl_finds_nothing_serious_at_the_ingress(unhurried: Running, tmp_path: Path) -> None:
    assert shutil.which("openssl"), "testssl.sh needs the program openssl"
    running, tree = unhurried, DEBIAN_TREE.resolve()
    addresses = running.layout.addresses
    place, found = addresses.endpoint("https"), tmp_path / "found.json"
    environment = {
        "PATH": f"{tree / 'usr/bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(tree / "usr/lib/x86_64-linux-gnu"),
        "TESTSSL_INSTALL_DIR": str(tree / "etc/testssl"),
        "LC_ALL": "C",
    }
    options = ["--quiet", "--color=0", "--warnings=batch", f"--ip={place.address}", "--nodns=none"]
    options += [f"--add-ca={running.layout.ca / 'root.crt'}", f"--jsonfile={found}", *SECTIONS]
    done = subprocess.run(
        ["bash", tree / "usr/bin/testssl", *options, f"{addresses.host('api')}:{place.port}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert found.exists(), done.stdout + done.stderr
    rows = json.loads(found.read_text())
    serious = [f"{row['id']}: {row['severity']}: {row['finding']}" for row in rows if row["severity"] in SERIOUS]
    said = {row["id"]: row["finding"] for row in rows}
    assert [line for line in serious if line.partition(":")[0] not in BY_DESIGN] == []
    assert (said["TLS1"], said["TLS1_1"], said["TLS1_3"][:7]) == ("not offered", "not offered", "offered")
    assert "not vulnerable" in said["heartbleed"]
