"""What `seatrial mutate` may change and who may see it, held against the tree."""

from pathlib import Path

import pytest

from seatrial import expected
from seatrial.mutation import _equivalent, _plan
from seatrial.mutation._mutants import Mutant, of_file
from seatrial.registry import import_file, importable

FAULTS, TREE = Path("faults"), Path()


@pytest.fixture(scope="module")
def plan() -> _plan.Plan:
    return _plan.read(FAULTS, expected.read(Path("suites")))


def service_of(plan: _plan.Plan, file: str) -> str:
    return next(each.name for each in plan.services if file in plan.files(TREE, each))


def test_every_program_of_the_services_is_in_the_plan_once(plan: _plan.Plan) -> None:
    named = [file for service in plan.services for file in plan.files(TREE, service)] + list(plan.left_out)
    there = [str(file) for each in plan.services for file in Path("system", each.name).rglob("*.py")]

    assert sorted(named) == sorted(there)


def test_the_release_that_the_plan_names_is_a_fault_of_code(plan: _plan.Plan) -> None:
    importable(FAULTS)
    file, _, name = plan.release.partition(":")

    assert {"strike", "in_effect"} <= vars(vars(import_file(FAULTS / file, FAULTS))[name]).keys()


def test_every_equivalent_mutant_is_one_of_the_code_of_now(plan: _plan.Plan) -> None:
    text = (FAULTS / _equivalent.NAME).read_text().splitlines()
    files = {line.split('"')[1] for line in text if line.startswith("file = ")}

    mutants: dict[str, list[Mutant]] = {file: of_file(plan, TREE, service_of(plan, file), file) for file in files}

    found = _equivalent.read(FAULTS, mutants)
    assert found.keys() <= {mutant.id for each in mutants.values() for mutant in each}


def test_mutants_of_real_code_are_programs_that_their_patches_make(plan: _plan.Plan) -> None:
    mutants = of_file(plan, TREE, "common", "system/common/signing.py")

    assert len(mutants) > 20
    for mutant in mutants:
        [edit] = mutant.patch()
        assert mutant.before.count(edit["find"]) == 1, mutant.place
        assert mutant.before.replace(edit["find"], edit["replace"]) == mutant.after, mutant.place
        assert mutant.is_sound(), mutant.diff
