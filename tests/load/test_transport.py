"""Whom the load generator trusts; in a process of its own, since Locust patches the standard library of its process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.probes.conftest import Authority, Serve
from tests.tls.bench import site

ROOT = Path(__file__).resolve().parents[2]
ONE_REQUEST = """
import locust
import sys
from pathlib import Path
from types import SimpleNamespace
from locust.env import Environment
from load.desk import OpenUser
from load.transport import LoadHttp, trusting

class One(OpenUser):
    host = sys.argv[1]
    ssl_context_factory = staticmethod(trusting(SimpleNamespace(ca=Path(sys.argv[2]))))
    tasks = [print]

answer = LoadHttp(One(Environment()).client, {"api": One.host}).request("GET", "api:/")
print(answer.status, answer.error)
"""


@pytest.mark.parametrize(
    ("names", "known", "words"),
    [
        (("127.0.0.1",), True, "200 None"),
        (("127.0.0.1",), False, "certificate verify failed"),
        (("127.0.0.9",), True, "IP address mismatch"),
    ],
)
def test_certificates_and_names_are_verified(
    tmp_path: Path, authority: Authority, serve: Serve, names: tuple[str, ...], known: bool, words: str
) -> None:
    server = serve(site(), authority.context(names))
    ca = authority.ca if known else Authority(tmp_path).ca
    command = [sys.executable, "-c", ONE_REQUEST, f"https://127.0.0.1:{server.port}", str(ca)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert words in done.stdout
