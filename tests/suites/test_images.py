"""The rules of SEC-IMG-01, each with a file that keeps it and one that breaks it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import Failure
from suites.security import _compose, _dockerfile
from suites.security._secret_shapes import is_secret_file, is_secret_name, secrets_in

DIGEST = "@sha256:" + "a" * 64
FOLDER = Path("system/platforms/compose")


def stages(*lines: str) -> list[_dockerfile.Stage]:
    return _dockerfile.stages_of("\n".join(lines) + "\n")


def test_the_projects_own_dockerfile_has_a_target_for_each_service() -> None:
    made = _dockerfile.stages_of((FOLDER / "Dockerfile").read_text())

    assert [stage.name for stage in _dockerfile.targets_of(made)] == ["api", "worker", "edge", "frontend", "front"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("FROM python:3.11",), "python:3.11"),
        (("ARG BASE", "FROM ${BASE}"), "${BASE}"),
        ((f"FROM a{DIGEST} AS one", "COPY --from=tools:1 /x /x"), "tools:1"),
        (("FROM a@sha256:1234",), "a@sha256:1234"),
    ],
)
def test_an_image_without_a_digest_is_named(lines: tuple[str, ...], words: str) -> None:
    assert [words in problem for problem in _dockerfile.unpinned(stages(*lines))] == [True]


def test_a_digest_scratch_and_own_stages_are_pinned() -> None:
    made = stages(
        f"FROM --platform=linux/amd64 a:1{DIGEST} AS one", "FROM one AS two", "FROM scratch", "COPY --from=0 /x /x"
    )

    assert list(_dockerfile.unpinned(made)) == []


@pytest.mark.parametrize("user", ["root", "0", "0:0", "root:root", "${USER}", "00"])
def test_root_is_root_by_any_name(user: str) -> None:
    assert list(_dockerfile.root_targets(stages(f"FROM a{DIGEST} AS one", "USER 1000", f"USER {user}")))


def test_a_target_inherits_its_user() -> None:
    base = (f"FROM a{DIGEST} AS base", "USER 1000", "FROM base AS one")

    assert list(_dockerfile.root_targets(stages(*base))) == []
    assert list(_dockerfile.root_targets(stages(*base, "USER 0"))) == ["target one runs as root (USER 0)"]
    assert list(_dockerfile.root_targets(stages(f"FROM a{DIGEST} AS one"))) == ["target one runs as root (no USER)"]


@pytest.mark.parametrize(
    "line",
    [
        "ENV API_TOKEN=x",
        "ENV API_TOKEN x",
        "ENV A=b \\\n    DB_PASSWORD='x y'",
        "ARG SECRET_KEY",
        "COPY .env /app/",
        "COPY deploy/id_rsa /root/",
        'COPY ["a.pem", "/x"]',
        f"RUN curl https://me:{'x' * 8}@example.com/x",
        f"RUN echo '-----BEGIN RSA PRIVATE KEY-----\\n{'M' * 40}' > /k",
    ],
)
def test_what_puts_a_secret_into_a_layer_is_named(line: str) -> None:
    assert len(list(_dockerfile.secrets_in_layers(stages(f"FROM a{DIGEST}", line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "ENV DATABASE_PASSWORD_FILE=/run/secrets/x",
        "ENV API_TOKEN=",
        "ARG RELEASE",
        "COPY --from=0 /x.pem /x.pem",
        "RUN --mount=type=secret,id=token it's fine",
        "COPY system /app",
    ],
)
def test_what_holds_no_secret_is_left_alone(line: str) -> None:
    assert list(_dockerfile.secrets_in_layers(stages(f"FROM a{DIGEST}", line))) == []


def test_a_fetch_needs_a_checksum() -> None:
    line = "https://example.com/x.tgz /x"

    assert list(_dockerfile.fetched(stages(f"FROM a{DIGEST}", f"ADD {line}")))
    assert not list(_dockerfile.fetched(stages(f"FROM a{DIGEST}", f"ADD --checksum=sha256:{'a' * 64} {line}")))
    assert not list(_dockerfile.fetched(stages(f"FROM a{DIGEST}", "ADD system /x")))


def test_a_text_without_from_is_no_dockerfile() -> None:
    with pytest.raises(Failure, match="no FROM"):
        _dockerfile.stages_of("RUN true\n")


SERVICE: dict[str, Any] = {
    "image": f"a:1{DIGEST}",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "user": "1000:1000",
    "restart": "always",
    "healthcheck": {"test": ["CMD", "true"]},
}


def test_every_service_of_the_projects_own_compose_file_is_confined() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]

    assert {name: problems for name, given in services.items() if (problems := _compose.problems_of(given))} == {}
    assert _compose.problems_of(SERVICE) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "a:1"}, "image a:1"),
        ({"read_only": "yes"}, "read_only"),
        ({"cap_drop": ["NET_RAW"]}, "cap_drop"),
        ({"cap_add": ["SYS_ADMIN"]}, "SYS_ADMIN"),
        ({"security_opt": ["no-new-privileges:false"]}, "no-new-privileges"),
        ({"user": ""}, "user none"),
        ({"user": "0:0"}, "user 0:0"),
        ({"privileged": True}, "privileged"),
        ({"pid": "host"}, "pid is host"),
        ({"volumes": ["/var/run/docker.sock:/s"]}, "socket"),
        ({"healthcheck": {"disable": True}}, "no healthcheck"),
        ({"healthcheck": None}, "no healthcheck"),
        ({"environment": {"JWT_KEY": "abc"}}, "JWT_KEY"),
        ({"environment": ["DB_PASSWORD=abc"]}, "DB_PASSWORD"),
    ],
)
def test_each_loosening_of_a_service_is_named(change: dict[str, Any], words: str) -> None:
    problems = _compose.problems_of({**SERVICE, **change})

    assert len(problems) == 1
    assert words in problems[0]


def test_names_files_and_contents_of_secrets() -> None:
    assert is_secret_name("LINK_KEYS")
    assert is_secret_name("SENTRY_DSN")
    assert not is_secret_name("LINK_KEYS_FILE")
    assert not is_secret_name("KEYBOARD")
    assert is_secret_file("a/.env.production")
    assert is_secret_file("secrets/x")
    assert not is_secret_file("system/common/signing.py")
    assert secrets_in("dop_v1_" + "0" * 64) == ["a DigitalOcean token"]
    assert secrets_in("postgresql://api@postgres:5432/x") == []
