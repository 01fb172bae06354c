"""What no operator touches, because it could never matter: types, documentation, logs, what only tools read."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Spared:
    """What a product spares beside what is spared everywhere.

    Attributes:
        loggers: names of loggers; calls of their methods are left alone.
        texts: names of arguments that hold words for people; they are left alone.
    """

    loggers: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


def walk(node: ast.AST, spared: Spared) -> Iterator[ast.AST]:
    """Go through every node that may be changed.

    Left out: docstrings, annotations (but not what `Annotated` adds to a type, which programs act on), `Literal`, `__all__`,
    `if TYPE_CHECKING`, `if __name__ == "__main__"`, how a dataclass is made, f-strings (their parts have no place of their
    own before Python 3.12), calls of loggers, and arguments for people.
    """
    if _is_spared(node, spared):
        return
    yield node
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            if name in {"annotation", "returns"}:
                for added in _metadata(child):
                    yield from walk(added, spared)
            else:
                yield from walk(child, spared)


def _is_spared(node: ast.AST, spared: Spared) -> bool:
    match node:
        case (
            ast.JoinedStr()
            | ast.Expr(value=ast.Constant() | ast.JoinedStr())
            | ast.Assign(targets=[ast.Name(id="__all__")])
            | ast.Subscript(value=ast.Name(id="Literal"))
            | ast.Call(func=ast.Name(id="dataclass"))
            | ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"))
            | ast.If(test=ast.Compare(left=ast.Name(id="__name__")))
        ):
            return True
        case (
            ast.Call(func=ast.Attribute(value=ast.Name(id=name)))
            | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name))))
        ):
            return name in spared.loggers
        case ast.keyword(arg=str(name)):
            return name in spared.texts
        case _:
            return False


def _metadata(annotation: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(annotation):
        match node:
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, *added])):
                yield from added
