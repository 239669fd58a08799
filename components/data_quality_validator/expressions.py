"""The language of rules: which texts are expressions, and which columns they name.

    trip_seconds > 0 or trip_miles == 0
    0 <= fare - tips < 500 and payment_type not in ("Dispute", "No Charge")
    missing(tailnum) or not missing(plane_seats)
    column("pickup area") % 2 == 0

Names are columns, `column("…")` a column of any other name; numbers and texts are literals. There
are `+ - * / %`, comparisons (also in chains), `in` with a list of literals, `and`, `or`, `not`,
and `missing(…)`. Python's parser reads them, nothing is executed, and all else that Python has is
refused by name and place. What an expression means is for `evaluation`.
"""

from __future__ import annotations

import ast
import dataclasses
import warnings
from collections.abc import Iterator

from components.data_quality_validator.errors import ExpressionError

MAX_CHARACTERS = 1000
MAX_DEPTH = 30
_LARGEST_INT = 2**63 - 1

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_CONTAINMENT = (ast.In, ast.NotIn)
_EXPECTED = (
    "expected columns, numbers, texts, + - * / %, comparisons, in, and, or, not, missing(…), "
    'column("…")'
)


@dataclasses.dataclass(frozen=True)
class Expression:
    """A condition on a row.

    Attributes:
        text: As it was written.
        tree: Python's syntax tree, of nothing but what the language has.
        columns: The columns that it names, in order, each once.
    """

    text: str
    tree: ast.expr
    columns: tuple[str, ...]


def parse(text: str) -> Expression:
    """Returns the condition that a text stands for.

    Raises:
        ExpressionError: The text is too long or too deep, is no expression, is none that says yes
            or no, or has in it what the language has not.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"expected at most {MAX_CHARACTERS} characters, received {len(text)}; "
            "make several rules of it"
        )
    line = text.replace("\n", " ").replace("\r", " ")
    tree = _syntax(line)
    checker = _Checker(line)
    checker.condition(tree, 0)
    columns = tuple(dict.fromkeys(column for _, column in named(tree)))
    if not columns:
        raise ExpressionError("expected a condition on at least one column; it names none")
    return Expression(text=text, tree=tree, columns=columns)


def named(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yields where a checked tree names columns, and which, from left to right."""
    if (name := column_of(tree)) is not None:
        assert isinstance(tree, ast.expr)
        yield tree, name
        return
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(tree, ast.Call) and child is tree.func):
            yield from named(child)


def column_of(tree: ast.AST) -> str | None:
    """Returns the column that a node is, or None where it is none."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "column":
        (argument,) = tree.args
        return str(getattr(argument, "value", ""))
    return None


def literal_of(tree: ast.expr) -> int | float | str | None:
    """Returns the number or text that a node is, with its sign, or None where it is none."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = literal_of(tree.operand)
        return None if inner is None or isinstance(inner, str) else -inner
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float, str):
        value: int | float | str = tree.value  # type: ignore[assignment]
        return value
    return None


def _syntax(line: str) -> ast.expr:
    start = len(line) - len(line.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of "\d" and of `x is 1`
            return _shifted(ast.parse(line.strip(), mode="eval").body, start)
    except SyntaxError as error:
        # Python points to nowhere, or to a second line, where the text ends too early.
        end = len(line.rstrip()) + 1
        place = min(error.offset + start, end) if error.offset and error.lineno == 1 else end
        raise ExpressionError(f"{error.msg}; {_EXPECTED}", place) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"cannot be read: {error}; {_EXPECTED}") from error


def _shifted(tree: ast.expr, start: int) -> ast.expr:
    if start:
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                node.col_offset += start
    return tree


class _Checker:
    """Refuses what the language has not; knows conditions from values."""

    def __init__(self, line: str) -> None:
        self._bytes = line.encode("utf-8", "surrogatepass")

    def condition(self, tree: ast.expr, depth: int) -> None:
        self._deep(tree, depth)
        if isinstance(tree, ast.BoolOp):
            for value in tree.values:
                self.condition(value, depth + 1)
        elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            self.condition(tree.operand, depth + 1)
        elif isinstance(tree, ast.Compare):
            self._comparison(tree, depth + 1)
        elif isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "missing":
            self.value(self._argument(tree), depth + 1)
        elif self._is_value(tree):
            self.value(tree, depth)
            raise self._refusal(tree, "expected a condition here, such as x > 0, received a value")
        else:
            raise self._unknown(tree)

    def value(self, tree: ast.expr, depth: int) -> None:
        self._deep(tree, depth)
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, _OPERATORS):
            self.value(tree.left, depth + 1)
            self.value(tree.right, depth + 1)
        elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            self.value(tree.operand, depth + 1)
        elif isinstance(tree, ast.Call) and getattr(tree.func, "id", "") == "column":
            argument = self._argument(tree)
            if not isinstance(literal_of(argument), str):
                raise self._refusal(
                    argument, 'expected the name of a column in quotes: column("…")'
                )
        elif isinstance(tree, ast.Constant):
            self._literal(tree)
        elif not isinstance(tree, ast.Name):
            if isinstance(tree, (ast.BoolOp, ast.Compare)):
                raise self._refusal(tree, "expected a value here, received a condition")
            raise self._unknown(tree)

    def _comparison(self, tree: ast.Compare, depth: int) -> None:
        left = tree.left
        self.value(left, depth)
        for operator, right in zip(tree.ops, tree.comparators, strict=True):
            if isinstance(operator, _CONTAINMENT):
                self._choices(right, depth)
                if len(tree.ops) > 1:
                    raise self._refusal(tree, "expected `in` to stand alone; use `and`")
            elif isinstance(operator, _COMPARISONS):
                self.value(right, depth)
            else:
                raise self._refusal(tree, "expected ==, !=, <, <=, >, >=, in or not in")
            if not (any(named(left)) or any(named(right))):
                raise self._refusal(left, "expected a comparison with a column; it names none")
            left = right

    def _choices(self, tree: ast.expr, depth: int) -> None:
        items = tree.elts if isinstance(tree, (ast.Tuple, ast.List)) else []
        for item in items:
            self.value(item, depth + 1)
        if not items or any(literal_of(item) is None for item in items):
            raise self._refusal(tree, 'expected a list of literals after `in`, such as ("a", "b")')

    def _literal(self, tree: ast.Constant) -> None:
        value = tree.value
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise self._refusal(tree, "expected a text that UTF-8 can hold") from error
        elif type(value) not in (int, float):
            raise self._refusal(tree, f"expected a number or a text, received {value!r}")
        elif (isinstance(value, int) and value > _LARGEST_INT) or value == float("inf"):
            raise self._refusal(tree, "expected a number that 64 bits can hold")

    def _argument(self, tree: ast.Call) -> ast.expr:
        if len(tree.args) != 1 or tree.keywords or isinstance(tree.args[0], ast.Starred):
            raise self._refusal(tree, "expected one argument")
        return tree.args[0]

    def _deep(self, tree: ast.expr, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._refusal(
                tree, f"expected at most {MAX_DEPTH} levels; make several rules of it"
            )

    @staticmethod
    def _is_value(tree: ast.expr) -> bool:
        if isinstance(tree, ast.Call):
            return getattr(tree.func, "id", "") == "column"
        return isinstance(tree, (ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name))

    def _unknown(self, tree: ast.expr) -> ExpressionError:
        kind = {"Call": "a call", "Attribute": "an attribute", "Lambda": "a lambda"}.get(
            type(tree).__name__, f"{type(tree).__name__}"
        )
        return self._refusal(tree, f"received {kind}; {_EXPECTED}")

    def _refusal(self, tree: ast.expr, reason: str) -> ExpressionError:
        # The tree counts bytes, a reader characters.
        before = self._bytes[: tree.col_offset].decode("utf-8", "replace")
        return ExpressionError(reason, len(before) + 1)
