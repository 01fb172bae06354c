"""The usual mutation operators, on Python's own syntax tree: where each of them changes one thing of a source.

Which replacement stands for which operator follows mutmut's table; every one is the nearest wrong code, and there is only one
of each, so that no place weighs more than another. What they never touch is said in `_spared`.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from seatrial.mutation._spared import Spared, walk

_COMPARISONS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "is": "is not",
    "is not": "is",
    "in": "not in",
    "not in": "in",
}
_BOOLEANS = {"and": "or", "or": "and"}
_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "/", "**": "*"} | {
    "<<": ">>",
    ">>": "<<",
    "&": "|",
    "|": "&",
    "^": "&",
}
_COMPARISON = re.compile(rb"\bnot\s+in\b|\bis\s+not\b|\bin\b|\bis\b|<=|>=|==|!=|<|>")
_BOOLEAN = re.compile(rb"\band\b|\bor\b")
_OPERATION = re.compile(rb"\*\*|//|<<|>>|[-+*/%&|^]")
_TEXTS = (ast.JoinedStr, ast.List, ast.Tuple)  # what has a + of its own, and no other operator
_BARE = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Await)
_QUERY = re.compile(rb"\b(?:select|update|delete)\b")
# A condition without a parameter: without one that has, the query would not fit its arguments any more.
_CONDITION = re.compile(rb"\s+and\s+[a-z_.]+\s+(?:is\s+not\s+null|is\s+null|[<>]=?\s+now\(\))")


@dataclass(frozen=True)
class Edit:
    """One change of a source: the bytes from `start` to `stop` become `text`."""

    operator: str
    start: int
    stop: int
    text: bytes

    def apply(self, source: bytes) -> bytes:
        """Return the source with the change."""
        return source[: self.start] + self.text + source[self.stop :]


class Text:
    """A source and where its lines begin; positions are of bytes, as the syntax tree counts them."""

    def __init__(self, source: bytes, spared: Spared) -> None:
        self.source, self.spared = source, spared
        self._lines = [0, *(match.end() for match in re.finditer(b"\n", source))]

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Return where a node begins and ends."""
        assert node.end_lineno is not None  # noqa: S101 - every parsed node has an end
        assert node.end_col_offset is not None  # noqa: S101 - as above
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def line(self, position: int) -> int:
        """Return the number of the line that a position is in."""
        return self.source.count(b"\n", 0, position) + 1


Change = tuple[int, int, bytes]
Operator = Callable[[Text, ast.AST], Iterator[Change]]


def comparison(text: Text, node: ast.AST) -> Iterator[Change]:
    """Turn `<` into `<=`, `==` into `!=`, `in` into `not in`."""
    if isinstance(node, ast.Compare):
        for left, right in pairwise([node.left, *node.comparators]):
            yield from _swapped(text, left, right, _COMPARISON, _COMPARISONS)


def boolean(text: Text, node: ast.AST) -> Iterator[Change]:
    """Turn `and` into `or`, `not x` into `x`, a plain condition into its contrary, `True` into `False`."""
    if isinstance(node, ast.BoolOp):
        for left, right in pairwise(node.values):
            yield from _swapped(text, left, right, _BOOLEAN, _BOOLEANS)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        start, stop = text.span(node)
        match = re.match(rb"not\s*", text.source[start:stop])
        assert match is not None  # noqa: S101 - so it is spelled
        yield start, start + match.end(), b""
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield *text.span(node), str(not node.value).encode()
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)) and isinstance(node.test, _BARE):
        start, _ = text.span(node.test)
        yield start, start, b"not "


def arithmetic(text: Text, node: ast.AST) -> Iterator[Change]:
    """Turn `+` into `-`, `*` into `/`, `<<` into `>>`, alone and with `=`."""
    if isinstance(node, ast.BinOp) and not _of_texts(node.left, node.right) and not _of_types(node):
        yield from _swapped(text, node.left, node.right, _OPERATION, _ARITHMETIC)
    elif isinstance(node, ast.AugAssign) and not _of_texts(node.value):
        yield from _swapped(text, node.target, node.value, _OPERATION, _ARITHMETIC)


def constant(text: Text, node: ast.AST) -> Iterator[Change]:
    """Turn a number into the next one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        yield *text.span(node), repr(node.value + 1).encode()


def returned(text: Text, node: ast.AST) -> Iterator[Change]:
    """Return `None` in the place of anything that is not as good as that."""
    value = node.value if isinstance(node, ast.Return) else None
    if value is not None and not (isinstance(value, ast.Constant) and value.value in {None, False}):
        yield *text.span(value), b"None"


def deletion(text: Text, node: ast.AST) -> Iterator[Change]:
    """Leave out a statement that does something by itself: a call, a raise, an end of a loop, a change of an object."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    acts = isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))
    changes = isinstance(node, ast.AugAssign) or isinstance(target, (ast.Attribute, ast.Subscript))
    leaves = isinstance(node, ast.Return) and node.value is None
    if isinstance(node, ast.stmt) and (
        acts or changes or leaves or isinstance(node, (ast.Raise, ast.Continue, ast.Break, ast.Delete))
    ):
        yield *text.span(node), b"pass"


def swallowing(text: Text, node: ast.AST) -> Iterator[Change]:
    """Do nothing about an exception that is caught."""
    if isinstance(node, ast.ExceptHandler) and not isinstance(node.body[0], ast.Pass):
        yield text.span(node.body[0])[0], text.span(node.body[-1])[1], b"pass"


def argument(text: Text, node: ast.AST) -> Iterator[Change]:
    """Leave out one of the arguments that a call names, with its comma."""
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        if keyword.arg is None or keyword.arg in text.spared.texts:
            continue
        start, stop = text.span(keyword)
        after = re.match(rb"\s*,\s*", text.source[stop:])
        before = re.search(rb",\s*$", text.source[:start])
        if after:
            stop += after.end()
        elif before:
            start = before.start()
        yield start, stop, b""


def query(text: Text, node: ast.AST) -> Iterator[Change]:
    """Leave out a condition of a query that has no parameter: `and revoked_at is null`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        start, stop = text.span(node)
        inside = text.source[start:stop]
        for match in _CONDITION.finditer(inside) if _QUERY.search(inside) else ():
            yield start + match.start(), start + match.end(), b""


OPERATORS: Mapping[str, Operator] = {
    "comparison": comparison,
    "boolean": boolean,
    "arithmetic": arithmetic,
    "constant": constant,
    "return value": returned,
    "statement deletion": deletion,
    "exception swallowing": swallowing,
    "argument removal": argument,
    "query condition": query,
}


def edits(source: bytes, spared: Spared) -> list[Edit]:
    """Return every change that an operator can make, in the order of the source; the same change only once."""
    text, tree = Text(source, spared), ast.parse(source)
    found: dict[Change, str] = {}
    for node in walk(tree, spared):
        for name, operator in OPERATORS.items():
            for change in operator(text, node):
                found.setdefault(change, name)
    for statement in _fields(
        tree
    ):  # an object without one of its fields fails wherever it is used, and says nothing of checks
        found.pop((*text.span(statement), b"pass"), None)
    return [Edit(name, *change) for change, name in sorted(found.items())]


def _fields(tree: ast.Module) -> Iterator[ast.stmt]:
    """Return the statements that give a new object its fields."""
    for made in ast.walk(tree):
        if isinstance(made, ast.FunctionDef) and made.name == "__init__":
            yield from (each for each in ast.walk(made) if isinstance(each, ast.Assign))


def _swapped(
    text: Text, left: ast.expr, right: ast.expr, pattern: re.Pattern[bytes], table: Mapping[str, str]
) -> Iterator[Change]:
    """Replace the operator that stands between two operands, and the brackets that may be there."""
    start, stop = text.span(left)[1], text.span(right)[0]
    if match := pattern.search(text.source[start:stop]):
        replacement = table[b" ".join(match[0].split()).decode()]
        yield start + match.start(), start + match.end(), replacement.encode()


def _of_texts(*operands: ast.expr) -> bool:
    return any(
        isinstance(each, _TEXTS) or (isinstance(each, ast.Constant) and isinstance(each.value, (str, bytes)))
        for each in operands
    )


def _of_types(node: ast.BinOp) -> bool:
    """Tell whether `A | B` is a union of types, which is decided on before anything runs."""
    return isinstance(node.op, ast.BitOr) and any(
        (isinstance(side, ast.Constant) and side.value is None)
        or (isinstance(side, ast.Name) and (side.id[:1].isupper() or side.id in {"str", "int", "float", "bytes"}))
        for side in (node.left, node.right)
    )
