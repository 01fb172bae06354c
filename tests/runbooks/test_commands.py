"""Every command of the runbooks is one: its program knows it, and what it names is there.

What only reads is run, too: here where nothing has to be up, else in tests/platform/test_runbooks.py.
"""

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import boto3
import click
import jsonschema
import pytest
from patroni.ctl import ctl

from seatrial import cli, inventory
from seatrial.errors import SeatrialError
from seatrial.inventory import Listed
from seatrial.outcome import Level
from seatrial.plugin import OWN_CONFIGURATION, Listing
from seatrial.profile import find, load
from seatrial.secrecy.references import Reference
from system.platforms.local.addresses import DEFAULT_BASE_PORT, Addresses
from tests.runbooks.commands import PAGES, Command, Kind, commands, of_kind

SUITES = Path("suites")
SCHEMA = json.loads(Path("seatrial/platform.schema.json").read_text())
# A module whose one argument is a profile; the others have a parser.
PROFILE_ONLY = "suites.migrations.snapshot"


@pytest.fixture(scope="module")
def checks() -> dict[str, Listed]:
    return {row.expected.id: row for row in inventory.collect(SUITES)}


def test_every_command_is_one_that_we_know() -> None:
    unknown = [str(each) for page in PAGES for each in commands(page) if each.kind is Kind.UNKNOWN]

    assert unknown == [], "a new kind of command, or a text that is none: see tests/runbooks/commands.py"


def test_every_command_of_ours_is_understood_and_names_what_there_is(
    checks: dict[str, Listed], capsys: pytest.CaptureFixture[str]
) -> None:
    offenders = []
    for command in of_kind(Kind.SEATRIAL):
        if command.words == ["seatrial"]:
            continue
        try:
            options = cli._parser().parse_args(command.words[1:])
            profile = load(find(getattr(options, "profile", None)))
        except (SystemExit, SeatrialError) as error:
            offenders.append(f"{command}: {error} {capsys.readouterr().err}")
            continue
        known = {*checks, *(row.expected.suite for row in checks.values())}
        offenders += [f"{command}: no check {name}" for name in getattr(options, "only", ()) if name not in known]
        offenders += [f"{command}: {wrong}" for wrong in wrong_arms(options, checks)]
        if getattr(options, "action", "") == "rotate" and profile.name == "staging":
            sops = {each.key for each in profile.every_reference if isinstance(each, Reference)}
            offenders += [f"{command}: no secret {name}" for name in options.names if name not in sops]
    assert offenders == []


def wrong_arms(options: argparse.Namespace, checks: dict[str, Listed]) -> list[str]:
    """Say what is wrong with the levels that a command arms for the checks that it names."""
    given = {text.partition("=")[0] for text in getattr(options, "arm", ())}
    needed = {str(checks[name].expected.level) for name in getattr(options, "only", ()) if name in checks}
    return [f"armed for {given}, and needs {needed}"] if given and needed and given != needed else []


def test_every_check_is_repeated_by_its_own_node_and_armed_for_its_level(checks: dict[str, Listed]) -> None:
    offenders = []
    for command in of_kind(Kind.PYTEST):
        place = next(word for word in command.words[1:] if not word.startswith("-"))
        path, _, test = place.partition("::")
        meant = [row for row in checks.values() if _below(SUITES / row.expected.file, path, test, row.expected.test)]
        if not meant:
            offenders.append(f"{command}: no such check")
        if command.section in checks and checks[command.section] not in meant:
            offenders.append(f"{command}: {command.section} stands elsewhere")
        if command.section in checks:
            level = checks[command.section].expected.level
            needed = [f"--arm {level}=local"] if level >= Level.DISRUPT else []
            given = re.findall(r"--arm \S+", " ".join(command.words))
            offenders += [f"{command}: {needed} is needed"] if given != needed else []
    assert offenders == []


def _below(file: Path, path: str, test: str, name: str) -> bool:
    return file.is_relative_to(path.rstrip("/")) and test in {"", name}


def test_pytest_takes_every_option_that_we_have_people_type() -> None:
    options = {
        tuple(each.partition("=")[0] for each in command.words[1:] if each.startswith("-"))
        for command in of_kind(Kind.PYTEST)
    }
    samples = {"--profile": "local", "--arm": "destroy=local", "--seatrial-seed": "1"}
    given = [part for name in sorted({name for names in options for name in names}) for part in (name, samples[name])]
    listing = Listing()

    code = pytest.main([*OWN_CONFIGURATION, "suites/dr", "--collect-only", "-q", "-q", *given], plugins=[listing])

    assert (code, bool(listing.items)) == (pytest.ExitCode.NO_TESTS_COLLECTED, True)  # a listing runs nothing


class Parsed(Exception):  # noqa: N818 - no error
    """A program's own parser has taken its arguments."""


def test_every_module_takes_its_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *given: Any, **named: Any) -> None:
        real(self, *given, **named)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    offenders = []
    for command in of_kind(Kind.MODULE):
        assert command.words[:2] == ["python", "-m"], command
        module, arguments = command.words[2], command.words[3:]
        if module == PROFILE_ONLY:
            load(find(*arguments))
            continue
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        try:
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # that it is imported already
                runpy.run_module(module, run_name="__main__")
            offenders.append(f"{command}: has not parsed its arguments")
        except Parsed:
            continue
        except (SystemExit, ImportError) as error:
            offenders.append(f"{command}: {error} {capsys.readouterr().err}")
    assert offenders == []


def test_every_call_of_the_platform_is_in_the_protocol() -> None:
    calls = {(call["path"], call["method"]): call for call in SCHEMA["x-calls"]}
    offenders, asked = [], 0
    for command in of_kind(Kind.CURL):
        parser = argparse.ArgumentParser(exit_on_error=False)
        for option in ("--unix-socket", "-X", "-d", "-H", "--cacert", "--resolve"):
            parser.add_argument(option)
        parser.add_argument("-s", action="store_true")
        parser.add_argument("url")
        curl = parser.parse_args(command.words[1:])
        if curl.unix_socket is None:
            continue  # asked of a service: see its address below
        asked += 1
        path = "/" + curl.url.split("/", 3)[3]
        call = calls.get((path, curl.X or ("GET" if curl.d is None else "POST")))
        if call is None:
            offenders.append(f"{command}: no such call")
            continue
        try:
            jsonschema.validate(json.loads(curl.d or "{}"), {**SCHEMA, "$ref": call["request"]})
        except (ValueError, jsonschema.ValidationError) as error:
            offenders.append(f"{command}: {error}")
    assert (offenders, asked > 0) == ([], True)


def test_every_address_of_the_local_platform_is_one_of_its_own() -> None:
    addresses = Addresses(DEFAULT_BASE_PORT)
    known = {str(each) for part in addresses.declared().values() for each in part}
    known |= {addresses.origin(name).removeprefix("https://") for name in ("app", "api", "play", "s3")}
    named = re.compile(r"(?:127\.77\.[\d.]+|[\w.]+\.localhost):\d+")
    asked = [(str(each), place) for page in PAGES for each in commands(page) for place in named.findall(each.filled)]

    assert asked
    assert [each for each in asked if each[1] not in known] == []


def test_locust_takes_every_option_that_we_have_people_type() -> None:
    for command in of_kind(Kind.LOCUST):
        words = [sys.executable, "-m", *command.words, "--list"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, "Visitors" in done.stdout) == (0, True), f"{command}: {done.stderr}"


def test_every_verb_of_make_is_there() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))

    asked = {str(each): {word for word in each.words[1:] if "=" not in word} for each in of_kind(Kind.MAKE)}

    assert [command for command, words in asked.items() if not words <= verbs] == []


def test_every_call_of_the_object_store_is_one_of_s3s() -> None:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    names = {str(each): each.words[2] if each.words[0] == "aws" else each.words[0] for each in of_kind(Kind.S3)}

    assert [place for place, name in names.items() if not hasattr(client, name.replace("-", "_"))] == []


def test_every_order_to_patroni_is_one_that_it_takes() -> None:
    offenders = []
    for command in of_kind(Kind.PATRONI):
        name, *arguments = command.words[3:] if command.words[1] == "-c" else command.words[1:]
        order = ctl.commands.get(name)
        try:
            assert order, "no such order"
            order.make_context(name, arguments, parent=click.Context(ctl, obj={"__config": {}}))
        except (AssertionError, click.ClickException) as error:
            offenders.append(f"{command}: {error}")
    assert offenders == []


def test_git_shows_what_it_is_asked_for() -> None:
    blob = subprocess.run(["git", "rev-parse", "HEAD:Makefile"], capture_output=True, text=True, check=True).stdout
    offenders = []
    shown = [
        each for each in of_kind(Kind.GIT) if each.words[1] == "log"
    ]  # others write an archive: see its paths below
    assert shown
    for command in shown:
        words = shlex.split(command.text.replace("=ID", f"={blob.strip()}").replace("FILE", "Makefile"))
        done = subprocess.run([*words[:2], "--max-count=1", *words[2:]], capture_output=True, text=True, check=False)
        offenders += [f"{command}: {done.stderr}"] if done.returncode or not done.stdout else []
    assert offenders == []


def test_every_file_that_a_command_names_is_there() -> None:
    named = re.compile(r"(?:system|suites|seatrial|docs|tests|load)/[\w./-]+|profiles/[\w-]+\.toml")
    paths = [
        (str(command), path) for page in PAGES for command in commands(page) for path in named.findall(command.filled)
    ]
    assert paths
    assert [each for each in paths if not Path(each[1].rstrip(".")).exists()] == []


def test_what_a_program_reads_is_printed() -> None:
    asked = [each for each in of_kind(Kind.MODULE) if each.words[2] == "system.variables"]

    for command in asked:
        line = command.filled.replace("python", shlex.quote(sys.executable))
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert json.loads(done.stdout)["read"], f"{command}: {done.stderr}"
    assert asked


def test_a_dry_run_of_the_drills_tells_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    told = [each for each in of_kind(Kind.SEATRIAL) if each.words[1] == "drill" and "--dry-run" in each.words]

    for command in told:
        options = cli._parser().parse_args(command.words[1:])
        assert options.run(options) == 0
        assert "DR-WK-01" in capsys.readouterr().out
    assert told


def test_a_command_that_nobody_knows_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "## A-01\n\nDo `frobnicate it now`, then `words`.\n\n    frobnicate\n\n```\nother \\\n    --on\n```\n"
    )

    assert [(each.text, each.section, each.kind, each.place.rpartition(":")[2]) for each in commands(page)] == [
        ("frobnicate", "A-01", Kind.UNKNOWN, "5"),
        ("other  --on", "A-01", Kind.UNKNOWN, "8"),
        ("frobnicate it now", "A-01", Kind.UNKNOWN, "3"),
    ]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("seatrial logs PART --profile PROFILE  # the log", ["seatrial", "logs", "api-1", "--profile", "local"]),
        ("echo '{}' | python -m system.variables api", ["python", "-m", "system.variables", "api"]),
        (
            "python -m x --at MOMENT [--dry-run]",
            ["python", "-m", "x", "--at", "2026-01-31T13:04:00+00:00", "--dry-run"],
        ),
    ],
)
def test_placeholders_are_filled(text: str, filled: list[str]) -> None:
    assert Command("page:1", "", Kind.SEATRIAL, text).words == filled
