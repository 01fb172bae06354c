"""Mutants: what the operators change, what they leave alone, and that each mutant is another program in one place."""

from pathlib import Path

import pytest

from seatrial.errors import UsageError
from seatrial.mutation import _equivalent, _plan
from seatrial.mutation._mutants import Mutant, of_services
from seatrial.mutation._operators import OPERATORS, edits
from seatrial.mutation._sample import draw
from seatrial.mutation._spared import Spared

SPARED = Spared(loggers=frozenset({"log"}), texts=frozenset({"description"}))

MADE = [
    ("comparison", "x = a < b", ["x = a <= b"]),
    ("comparison", "x = a <= (b)", ["x = a < (b)"]),
    ("comparison", "x = a > b >= c", ["x = a >= b >= c", "x = a > b > c"]),
    ("comparison", "x = (a) == (b)", ["x = (a) != (b)"]),
    ("comparison", "x = a is  not None", ["x = a is None"]),
    ("comparison", "x = a not in b", ["x = a in b"]),
    ("comparison", "x = {'in': a in b}", ["x = {'in': a not in b}"]),
    ("boolean", "x = a and b or c", ["x = a or b or c", "x = a and b and c"]),
    ("boolean", "x = not (a or b)", ["x = (a or b)", "x = not (a and b)"]),
    ("boolean", "x = True", ["x = False"]),
    ("boolean", "while f():\n    pass", ["while not f():\n    pass"]),
    ("boolean", "x = a if b.c else d", ["x = a if not b.c else d"]),
    ("arithmetic", "x = a + b * c", ["x = a - b * c", "x = a + b / c"]),
    ("arithmetic", "x = a ** b // c % d", ["x = a * b // c % d", "x = a ** b / c % d", "x = a ** b // c / d"]),
    ("arithmetic", "x -= 'é'.count(a) << b", ["x += 'é'.count(a) << b", "x -= 'é'.count(a) >> b"]),
    ("constant", "x = [0, 2.5]", ["x = [1, 2.5]", "x = [0, 3.5]"]),
    ("return value", "def f():\n    return a(b)", ["def f():\n    return None"]),
    ("statement deletion", "f(a)", ["pass"]),
    ("statement deletion", "async def f():\n    await g(\n        a)", ["async def f():\n    pass"]),
    ("statement deletion", "if a:\n    raise B from c", ["if a:\n    pass"]),
    ("statement deletion", "a.b = c; d['e'] = f; g = h", ["pass; d['e'] = f; g = h", "a.b = c; pass; g = h"]),
    ("statement deletion", "for a in b:\n    continue", ["for a in b:\n    pass"]),
    ("exception swallowing", "try:\n    a\nexcept B:\n    c = 1\n    raise", ["try:\n    a\nexcept B:\n    pass"]),
    ("argument removal", "f(a, b=1, **c)", ["f(a, **c)"]),
    ("argument removal", "f(a=(1), b=2)", ["f(b=2)", "f(a=(1))"]),
    ("argument removal", "f(\n    a=b,\n)", ["f(\n    )"]),
    (
        "query condition",
        "x = '''select a from b where c = %s\n and d is null and e > now()'''",
        [
            "x = '''select a from b where c = %s and e > now()'''",
            "x = '''select a from b where c = %s\n and d is null'''",
        ],
    ),
]
SPARED_SOURCES = [
    "'''Say that 1 < 2 and select a from b where c = %s and d is null.'''",
    "x: A | B = y",
    "def f(a: Literal[1] = b) -> Annotated[C, 'd']: ...",
    "x = A | None",
    "x = Literal[1, 2]",
    "__all__ = ['a'] + [1]",
    "if TYPE_CHECKING:\n    f(a=1)",
    "if typing.TYPE_CHECKING:\n    f(a=1)",
    "if __name__ == '__main__':\n    main(1)",
    "@dataclass(frozen=True)\nclass A:\n    b: int",
    "log.info('said', extra={'a': 1})",
    "x = f'{a + 1}'",
    "x = 'a' + b",
    "x = f(description='a' if b else 'c')",
    "class A:\n    def __init__(self, b):\n        self.b = b",
    "def f():\n    return None",
    "import a.b as c",
    "try:\n    a\nexcept B:\n    pass",
]


def made(source: str, operator: str) -> list[str]:
    return [
        edit.apply(source.encode()).decode() for edit in edits(source.encode(), SPARED) if edit.operator == operator
    ]


@pytest.mark.parametrize(("operator", "source", "mutants"), MADE)
def test_an_operator_changes_one_place_at_a_time(operator: str, source: str, mutants: list[str]) -> None:
    assert made(source, operator) == mutants


def test_every_operator_is_tried() -> None:
    assert {operator for operator, _, _ in MADE} == set(OPERATORS)


@pytest.mark.parametrize("source", SPARED_SOURCES)
def test_what_could_never_matter_is_left_alone(source: str) -> None:
    assert edits(source.encode(), SPARED) == []


def test_what_annotated_adds_to_a_type_is_changed_for_programs_act_on_it() -> None:
    source = b"def f(a: Annotated[int, Field(ge=1, description='at least 1')] | None = None): ..."

    assert [edit.apply(source) for edit in edits(source, SPARED)] == [
        source.replace(b"ge=1, ", b""),
        source.replace(b"ge=1", b"ge=2"),
    ]


PRODUCT = """
'''Serve.'''

LIMIT = 5
AGAIN = 5


def allowed(count):
    '''Say whether 1 < 2.'''
    log.info("asked", extra={"count": count + 1})
    if count > LIMIT or not count:
        return refuse(count, why="too many")
    return count
"""
PLAN = """
release = "_code.py:Release"
not_counted = []
loggers = ["log"]
texts = []
[services.one]
files = ["product/one/*.py"]
checks = []
[services.two]
files = ["product/two/*.py"]
checks = []
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A product of two services, the second four times as large."""
    for name, times in (("one", 1), ("two", 4)):
        (tmp_path / "product" / name).mkdir(parents=True)
        for number in range(times):
            (tmp_path / "product" / name / f"part_{number}.py").write_text(PRODUCT)
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "mutation.toml").write_text(PLAN)
    return tmp_path


def mutants_of(tree: Path) -> dict[str, list[Mutant]]:
    plan = _plan.read(tree / "faults", [])
    return of_services(plan, tree, plan.services)


def test_every_mutant_is_another_program_that_its_patch_makes(tree: Path) -> None:
    mutants = mutants_of(tree)["one"]

    assert len(mutants) == len({mutant.id for mutant in mutants}) == len({mutant.after for mutant in mutants}) >= 8
    for mutant in mutants:
        [edit] = mutant.patch()
        assert mutant.before.count(edit["find"]) == 1
        assert mutant.before.replace(edit["find"], edit["replace"]) == mutant.after
        assert mutant.is_sound()
        compile(mutant.after, mutant.file, "exec")


def test_a_mutant_says_where_it_is_and_what_it_changes(tree: Path) -> None:
    [mutant] = [each for each in mutants_of(tree)["one"] if each.operator == "comparison"]

    assert mutant.place == "product/one/part_0.py:11"
    assert mutant.changed.strip() == "if count > LIMIT or not count:"
    assert [line for line in mutant.diff.splitlines() if line[0] in "+-"][2:] == [
        "-    if count > LIMIT or not count:",
        "+    if count >= LIMIT or not count:",
    ]


def test_a_mutant_keeps_its_name_when_other_lines_change(tree: Path) -> None:
    before = {mutant.id for mutant in mutants_of(tree)["one"]}
    file = tree / "product" / "one" / "part_0.py"
    file.write_text("import first\n" + file.read_text().replace("AGAIN = 5", "AGAIN = 6"))

    after = {mutant.id for mutant in mutants_of(tree)["one"]}

    assert len(before - after) == len(after - before) == 1


def test_no_mutant_touches_a_log_line_or_a_docstring(tree: Path) -> None:
    assert not [each for each in mutants_of(tree)["one"] if "asked" in each.changed or "Say" in each.changed]


def test_what_differs_in_layout_alone_is_no_mutant() -> None:
    assert not Mutant("", "", "", 1, "", "a = (b)", "a = b").is_sound()
    assert not Mutant("", "", "", 1, "", "a = b", "a = ").is_sound()


def test_a_sample_is_drawn_by_its_seed_from_every_service_in_proportion(tree: Path) -> None:
    mutants = mutants_of(tree)

    sample = draw(mutants, 10, seed=7)

    assert [each.service for each in sample].count("two") == 8
    assert len({each.id for each in sample}) == len(sample) == 10
    assert sample == draw(mutants, 10, seed=7)
    assert sample != draw(mutants, 10, seed=8)


@pytest.mark.parametrize(("size", "services"), [(1, 1), (2, 2), (3, 2)])
def test_a_small_sample_has_something_of_as_many_services_as_it_can(tree: Path, size: int, services: int) -> None:
    sample = draw(mutants_of(tree), size, seed=1)

    assert (len(sample), len({each.service for each in sample})) == (size, services)


def test_a_sample_larger_than_all_is_all(tree: Path) -> None:
    mutants = mutants_of(tree)

    drawn = draw(mutants, 10_000, seed=1)

    assert {each.id for each in drawn} == {each.id for every in mutants.values() for each in every}


def entry(mutant: Mutant, line: str = "", reason: str = "nobody can see it") -> str:
    line = line or mutant.changed.strip()
    return f'[[equivalent]]\nmutant = "{mutant.id}"\nfile = "{mutant.file}"\nline = """{line}"""\nreason = "{reason}"\n'


def test_an_equivalent_mutant_is_named_with_its_reason(tree: Path) -> None:
    mutants = mutants_of(tree)
    (tree / "faults" / "equivalent.toml").write_text(entry(mutants["two"][0]))

    [found] = _equivalent.read(tree / "faults", mutants).values()

    assert (found.mutant, found.reason) == (mutants["two"][0].id, "nobody can see it")
    assert list(_equivalent.read(tree / "faults", {"one": mutants["one"]})) == [found.mutant]


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [("", " ", "has no reason"), ("LIMIT = 4", "nobody can see it", "the code has changed")],
)
def test_an_equivalent_mutant_without_a_reason_or_of_other_code_is_refused(
    tree: Path, line: str, reason: str, told: str
) -> None:
    mutants = mutants_of(tree)
    (tree / "faults" / "equivalent.toml").write_text(entry(mutants["one"][0], line, reason))

    with pytest.raises(UsageError, match=told):
        _equivalent.read(tree / "faults", mutants)


@pytest.mark.parametrize("odd", ["reason = 3", "mutant = []", "reason = '\udcff'"])
def test_an_equivalent_mutant_of_another_form_is_refused(tree: Path, odd: str) -> None:
    rows = {"mutant": "a", "file": "b", "line": "c", "reason": "d"}
    lines = [odd, *(f'{name} = "{text}"' for name, text in rows.items() if name not in odd)]
    (tree / "faults" / "equivalent.toml").write_text("\n".join(["[[equivalent]]", *lines]), errors="surrogateescape")

    with pytest.raises(UsageError, match=r"not a list of equivalent mutants: .* (is no text|codec can't decode)"):
        _equivalent.read(tree / "faults", {})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("release =", "released ="), "not a plan of mutants"),
        (("checks = []", 'checks = ["INF-XX-01"]'), "no check 'INF-XX-01'"),
        (("product/one/*.py", "product/none/*.py"), "no file is named by"),
    ],
)
def test_a_plan_that_fits_nothing_is_refused(tree: Path, change: tuple[str, str], told: str) -> None:
    (tree / "faults" / "mutation.toml").write_text(PLAN.replace(*change))

    with pytest.raises(UsageError, match=told):
        mutants_of(tree)
