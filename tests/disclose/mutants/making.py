"""The changes that can be made to one module."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_OTHER: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_SIGNS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}
_UNTOUCHED: Final = (ast.Raise, ast.Import, ast.ImportFrom, ast.AnnAssign)
"""Messages to people, types and tables of names: those are data. What an annotated assignment holds is gone into when
it is a number or a flag."""


@dataclass(frozen=True)
class Mutant:
    """`place`: its number among the nodes of the module, in the order of `ast.walk`."""

    line: int
    what: str
    place: int
    kind: str


def mutants(source: str) -> list[Mutant]:
    """Every change, in the order of the lines."""
    tree = ast.parse(source)
    left_out = set(map(id, _left_out(tree)))
    found: list[Mutant] = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in left_out:
            for kind, what in _changes(node):
                found.append(Mutant(getattr(node, "lineno", 0), what, place, kind))
    return sorted(found, key=lambda each: (each.line, each.place, each.kind))


def changed(source: str, mutant: Mutant) -> ast.Module:
    """The module with this one change."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        if place == mutant.place:
            _apply(node, mutant.kind)
            break
    return ast.fix_missing_locations(tree)


def _left_out(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, _UNTOUCHED):
            yield from ast.walk(node)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr):
                yield from ast.walk(first)
            for decorator in getattr(node, "decorator_list", ()):
                yield from ast.walk(decorator)
            if isinstance(node, ast.FunctionDef):
                for part in (node.returns, *(one.annotation for one in node.args.args + node.args.kwonlyargs)):
                    yield from ast.walk(part) if part is not None else ()
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from ast.walk(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER:
        yield "compare", f"{type(node.ops[0]).__name__} to {_OTHER[type(node.ops[0])].__name__}"
    elif isinstance(node, ast.BoolOp):
        yield "connect", "or to and" if isinstance(node.op, ast.Or) else "and to or"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", "not taken away"
    elif isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield "sign", f"{type(node.op).__name__} to {_SIGNS[type(node.op)].__name__}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "flag", f"{node.value} to {not node.value}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield "number", f"{node.value} to {node.value + 1}"
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return", "returns None"
    elif isinstance(node, ast.Continue):
        yield "leave", "continue to break"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "never", "condition to False"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _apply(node: ast.AST, kind: str) -> None:
    """Change a node in its place."""
    if isinstance(node, ast.Compare):
        node.ops[0] = _OTHER[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.UnaryOp):
        operand = copy.deepcopy(node.operand)
        node.op, node.operand = ast.Not(), ast.UnaryOp(op=ast.Not(), operand=operand)
    elif isinstance(node, ast.BinOp):
        node.op = _SIGNS[type(node.op)]()
    elif isinstance(node, ast.Constant):
        node.value = not node.value if kind == "flag" else int(str(node.value)) + 1
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        node.test = ast.Constant(False)
    elif isinstance(node, ast.Continue):
        node.__class__ = ast.Break  # type: ignore[assignment]  # both are words without parts
    else:
        raise ValueError(f"{kind}: nothing to change")
