"""What an expression says of each row of a batch: yes, no, or unknown. NumPy and Arrow throughout.

As in SQL, what is computed of a missing value is missing, a comparison with it is unknown, and
`and`, `or` and `not` answer where the known parts suffice: `x > 0 or y > 0` is yes where x is 1 and
y is missing. `missing(x)` is always known. What divides by zero, or is no number, is missing too.

Integers of columns are compared exactly, and computed with in double precision. A float feature has
single precision in an example, and so has what is computed of float features and literals, as in a
TensorFlow graph: `fare == 0.1` holds where 0.1 was written, and `tips > 0.2 * fare` where a label
that is made in Transform says so.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.data_quality_validator import expressions
from components.data_quality_validator.columns import Column, Kind
from components.data_quality_validator.errors import ExpressionError, RulesError
from components.data_quality_validator.expressions import Expression

Lookup = Callable[[str], Column]


@dataclasses.dataclass(frozen=True)
class Truths:
    """An answer for each row; neither yes nor no is unknown.

    Attributes:
        yes: Where the condition holds, bool, shape `(rows,)`.
        no: Where it does not.
    """

    yes: np.ndarray
    no: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Numbers:
    values: np.ndarray
    known: np.ndarray
    single: bool = False  # of a float feature, as it stands in the example, or computed of one
    literal: bool = False  # or computed of nothing else


@dataclasses.dataclass(frozen=True)
class _Texts:
    values: Any  # an Arrow array, or a scalar


_Value = _Numbers | _Texts


def evaluate(expression: Expression, columns: Lookup, rows: int) -> Truths:
    """Returns what an expression says of each row.

    Args:
        expression: The condition.
        columns: Gives a column by name, of `rows` values.
        rows: How many there are.

    Raises:
        ExpressionError: It mixes texts and numbers.
        NotMeasurable: As `columns` raises it.
    """
    with np.errstate(all="ignore"):
        truths = _Evaluation(columns).condition(expression.tree)
    return Truths(np.broadcast_to(truths.yes, rows), np.broadcast_to(truths.no, rows))


def check(expression: Expression, kinds: Mapping[str, Kind]) -> None:
    """Refuses an expression whose types do not fit; of columns of no known kind it says nothing.

    Args:
        expression: The condition.
        kinds: What the columns hold.

    Raises:
        ExpressionError: It mixes texts and numbers.
    """
    if set(expression.columns) <= set(kinds):
        none = np.zeros(0, bool)
        empty = {
            kind: Column(kind, none, np.zeros(0), pa.array([], pa.large_binary())) for kind in Kind
        }
        evaluate(expression, lambda name: empty[kinds[name]], 0)


class _Evaluation:
    def __init__(self, columns: Lookup) -> None:
        self._columns = columns

    def condition(self, tree: ast.expr) -> Truths:
        if isinstance(tree, ast.BoolOp):
            parts = [self.condition(value) for value in tree.values]
            return functools.reduce(_and if isinstance(tree.op, ast.And) else _or, parts)
        if isinstance(tree, ast.UnaryOp):
            return _not(self.condition(tree.operand))
        if isinstance(tree, ast.Compare):
            return self._comparison(tree)
        if isinstance(tree, ast.Call):
            value = self.value(tree.args[0])
            known = value.known if isinstance(value, _Numbers) else _present(value.values)
            return Truths(~known, known)
        raise RulesError(f"{type(tree).__name__} was not checked")

    def value(self, tree: ast.expr) -> _Value:
        literal = expressions.literal_of(tree)
        if isinstance(literal, str):
            return _Texts(pa.scalar(literal.encode(), pa.large_binary()))
        if literal is not None:
            return _Numbers(np.asarray(literal), np.asarray(True), literal=True)
        if (name := expressions.column_of(tree)) is not None:
            return _of_column(self._columns(name))
        if isinstance(tree, ast.UnaryOp):
            return _computed(np.subtract, _ZERO, self._number(tree.operand))
        assert isinstance(tree, ast.BinOp)
        operator = _ARITHMETIC[type(tree.op)]
        return _computed(operator, self._number(tree.left), self._number(tree.right))

    def _number(self, tree: ast.expr) -> _Numbers:
        value = self.value(tree)
        if isinstance(value, _Texts):
            raise ExpressionError(
                "expected a number to compute with, received a text", _place(tree)
            )
        return value

    def _comparison(self, tree: ast.Compare) -> Truths:
        left = self.value(tree.left)
        answers: list[Truths] = []
        for operator, right_tree in zip(tree.ops, tree.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                choices = [self.value(item) for item in getattr(right_tree, "elts", [])]
                equal = [_compare(ast.Eq, left, choice, tree) for choice in choices]
                found = functools.reduce(_or, equal)
                return found if isinstance(operator, ast.In) else _not(found)
            right = self.value(right_tree)
            answers.append(_compare(type(operator), left, right, tree))
            left = right
        return functools.reduce(_and, answers)


def _of_column(column: Column) -> _Value:
    if column.kind is Kind.BYTES:
        return _Texts(column.texts)
    return _Numbers(column.numbers, column.known, single=column.kind is Kind.FLOAT)


def _compare(operator: type, left: _Value, right: _Value, tree: ast.expr) -> Truths:
    if isinstance(left, _Numbers) and isinstance(right, _Numbers):
        known = left.known & right.known
        answer = _COMPARE_NUMBERS[operator](_rounded(left, right), _rounded(right, left))
        return Truths(known & answer, known & ~answer)
    if isinstance(left, _Texts) and isinstance(right, _Texts):
        answers = _COMPARE_TEXTS[operator](left.values, right.values)
        known = _present(answers)
        yes = answers.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
        return Truths(yes, known & ~yes)
    raise ExpressionError("compares a text with a number", _place(tree))


def _rounded(value: _Numbers, other: _Numbers) -> np.ndarray:
    both = (value.single or value.literal) and (other.single or other.literal)
    if both and (value.single or other.single):
        return value.values.astype(np.float32).astype(np.float64)
    return value.values


def _computed(operator: Callable[..., np.ndarray], left: _Numbers, right: _Numbers) -> _Numbers:
    divisor = _rounded(right, left).astype(np.float64)
    values = operator(_rounded(left, right).astype(np.float64), divisor)
    known = left.known & right.known & ~np.isnan(values)
    if operator in _DIVISIONS:
        known = known & (divisor != 0)
    return _Numbers(
        values,
        known,
        single=left.single or right.single,
        literal=left.literal and right.literal,
    )


def _present(values: Any) -> np.ndarray:
    if isinstance(values, pa.Scalar):
        return np.asarray(True)
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _and(left: Truths, right: Truths) -> Truths:
    return Truths(left.yes & right.yes, left.no | right.no)


def _or(left: Truths, right: Truths) -> Truths:
    return Truths(left.yes | right.yes, left.no & right.no)


def _not(truths: Truths) -> Truths:
    return Truths(truths.no, truths.yes)


def _place(tree: ast.expr) -> int:
    return tree.col_offset + 1


_ZERO = _Numbers(np.asarray(0.0), np.asarray(True), literal=True)
_ARITHMETIC: dict[type, Callable[..., np.ndarray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
}
_DIVISIONS = (np.divide, np.mod)
_COMPARE_NUMBERS: dict[type, Callable[..., np.ndarray]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_COMPARE_TEXTS: dict[type, Callable[..., pa.Array]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
