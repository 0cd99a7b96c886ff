"""Every small fault that can be put into a file. Pure: source text in, replacements out."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is not": "is", "is": "is not"}
COMPARISONS |= {"not in": "in", "in": "not in"}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "//": "*", "/": "*", "%": "*"}
BOOLEAN = {"and": "or", "or": "and"}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
UNTESTED = ("log.", "self._tell", "_tell")  # what is only said to the log


@dataclass(frozen=True, slots=True)
class Mutation:
    """Bytes `start` to `end` of a file's source, UTF-8, become `text`."""

    line: int
    start: int
    end: int
    text: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


class Mutations:
    """Walks one file's syntax tree."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._offsets = [0]
        for line in source.splitlines(keepends=True):
            self._offsets.append(self._offsets[-1] + len(line))

    def all(self) -> list[Mutation]:
        """In the order of the tree; none that changes only a log line, an annotation or a docstring."""
        return list(self._within(ast.parse(self._source)))

    def _within(self, node: ast.AST) -> Iterator[Mutation]:
        if self._is_untested(node):
            return
        yield from self._of(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._within(child)

    def _is_untested(self, node: ast.AST) -> bool:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.JoinedStr():
                return True
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return True
            case ast.Assign(targets=[ast.Name(id="__slots__")]):
                return True
            case ast.Assign(targets=[target], value=value):
                return self._text(target).isupper() and _is_number(value)
            case ast.Expr(value=ast.Constant()):
                return True
            case ast.Expr() | ast.Raise():
                return self._text(node).startswith(UNTESTED)
        return False

    def _of(self, node: ast.AST) -> Iterator[Mutation]:
        match node:
            case ast.Compare(left=left, comparators=[right]):
                yield from self._between(left, right, COMPARISONS)
            case ast.BinOp(left=left, right=right):
                yield from self._between(left, right, ARITHMETIC)
            case ast.BoolOp(values=[first, second, *_]):
                yield from self._between(first, second, BOOLEAN)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._replaced(node, self._text(operand))
            case ast.Constant(value=bool(value)):
                yield self._replaced(node, str(not value))
            case ast.Constant(value=int(value) | float(value)):
                yield self._replaced(node, repr(value + 1))
            case ast.Call(func=ast.Name(id=name) as called) if name in CALLS:
                yield self._replaced(called, CALLS[name])
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not _swaps(test):
                yield self._replaced(test, f"(not ({self._text(test)}))")
            case ast.Return(value=ast.expr() as value) if self._text(value) != "None":
                yield self._replaced(value, "None")
            case ast.AugAssign() | ast.Raise() | ast.Break() | ast.Continue() | ast.Delete():
                yield self._replaced(node, "pass")
            case ast.Expr(value=ast.Call() | ast.Await()):
                yield self._replaced(node, "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield self._replaced(node, "pass")

    def _between(self, left: ast.expr, right: ast.expr, swaps: dict[str, str]) -> Iterator[Mutation]:
        """The operator between two operands, swapped; brackets stay where they are."""
        start, end = self._end(left), self._start(right)
        gap = self._source[start:end].decode()
        operator = " ".join(gap.replace(")", " ").replace("(", " ").split())
        if operator in swaps and operator in gap:
            at = start + gap.index(operator)
            yield Mutation(left.end_lineno or 0, at, at + len(operator), swaps[operator])

    def _replaced(self, node: ast.expr | ast.stmt, text: str) -> Mutation:
        return Mutation(node.lineno, self._start(node), self._end(node), text)

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._offsets[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._offsets[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)


def _swaps(test: ast.expr) -> bool:
    """Whether this condition is turned round already by what happens to its operator."""
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _is_number(value: ast.expr) -> bool:
    """Nothing but constants and arithmetic: somebody chose it, and a test of it would only say it again."""
    parts = (ast.Constant, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
    return all(isinstance(part, parts) for part in ast.walk(value))


def mutations(source: bytes) -> Sequence[Mutation]:
    """All that can be put into this source."""
    return Mutations(source).all()
