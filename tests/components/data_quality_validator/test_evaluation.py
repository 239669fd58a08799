"""Conditions on columns, beside a reference that takes one row after another in plain Python."""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_rows import KINDS

from components.data_quality_validator.columns import Kind, in_memory
from components.data_quality_validator.errors import ExpressionError
from components.data_quality_validator.evaluation import check, evaluate
from components.data_quality_validator.expressions import parse


def answers(text: str, rows: list[dict[str, Any]]) -> list[bool | None]:
    columns = in_memory(KINDS, rows)
    truths = evaluate(parse(text), columns.__getitem__, len(rows))
    assert not (truths.yes & truths.no).any()
    pairs = zip(truths.yes.tolist(), truths.no.tolist(), strict=True)
    return [True if yes else False if no else None for yes, no in pairs]


@pytest.mark.parametrize(
    ("text", "row", "answer"),
    [
        ("n > 0 or m == 0", {"n": 0, "m": 0}, True),
        ("n > 0 or m == 0", {"n": 0, "m": 3}, False),
        ("n > 0 or m == 0", {"n": 5}, True),  # the known part suffices
        ("n > 0 or m == 0", {"n": 0}, None),
        ("n > 0 and m == 0", {"n": 0}, False),
        ("not n > 0", {}, None),
        ("missing(n)", {}, True),
        ("missing(n) or n > 3", {"n": 3}, False),
        ("missing(n / m)", {"n": 1, "m": 0}, True),
        ("missing(x)", {"x": math.nan}, True),
        ("missing(s)", {"s": b""}, False),
        ("n / m > 0", {"n": 1, "m": 0}, None),
        ("n % m == 0", {"n": 1, "m": 0}, None),
        ("n % 3 == 2", {"n": -1}, True),  # the sign of the divisor, as in Python
        ("x == 0.1", {"x": 0.1}, True),  # both in single precision
        ("x in (0.1, 0.2)", {"x": 0.2}, True),
        ("x <= 0.7", {"x": 0.7}, True),
        # In double precision the left is 0.30000000149, and the right 0.3.
        ("x + 0.2 == 0.3", {"x": 0.1}, True),
        ("x * 10 == 1", {"x": 0.1}, True),
        ("x == 0.1 + 0.2", {"x": 0.3}, True),
        ("-x == -0.1", {"x": 0.1}, True),
        ("y > 0.2 * x", {"x": 4.45, "y": 0.89}, False),  # a fifth, to the cent
        ("n / 10 == 0.1", {"n": 1}, True),  # integers are computed with in double precision
        ("n == 9007199254740993", {"n": 9007199254740993}, True),  # 2**53 + 1
        ("n == 9007199254740992", {"n": 9007199254740993}, False),
        ("0 < n < m", {"n": 1, "m": 2}, True),
        ("0 < n < m", {"n": 1, "m": 1}, False),
        ("0 < n < m", {"m": 1}, None),
        ("0 < m < n < 9", {"m": -1}, False),
        ('s == "a" and t != s', {"s": b"a", "t": b"b"}, True),
        ('s < "b" <= t', {"s": b"a", "t": b"b"}, True),
        ('s in ("a", "é")', {"s": "é".encode()}, True),
        ('s not in ("a", "b")', {"s": b"c"}, True),
        ('s not in ("a", "b")', {}, None),
        ("-n * 2 == m", {"n": 3, "m": -6}, True),
        ("n + 0.5 == 1.5", {"n": 1}, True),
        ("missing(n) == 1", {}, "received a condition"),
    ],
)
def test_a_row_keeps_a_condition_or_breaks_it_or_that_is_unknown(
    text: str, row: dict[str, Any], answer: Any
) -> None:
    if isinstance(answer, str):
        with pytest.raises(ExpressionError):
            parse(text)
    else:
        assert answers(text, [row, {}])[0] is answer


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s > 0", 1),
        ('n == "a"', 1),
        ("n + s > 0", 5),
        ('s in ("a", 1)', 1),
        ('n > 0 or s + "a" == "ba"', 10),
        ("-s == 0", 2),
    ],
)
def test_texts_and_numbers_do_not_mix(text: str, place: int) -> None:
    with pytest.raises(ExpressionError) as refusal:
        check(parse(text), KINDS)
    assert refusal.value.place == place


def test_of_columns_that_are_not_known_nothing_is_said() -> None:
    check(parse("elsewhere == 1 and s > 0"), {"s": Kind.BYTES})


# The reference. A value is a number, bytes or None; an answer True, False or None.

_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def is_single(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) and node.id in "xy" for node in ast.walk(tree))


def is_literal(tree: ast.AST) -> bool:
    return not any(isinstance(node, ast.Name) for node in ast.walk(tree))


def in_common(left: ast.AST, right: ast.AST, values: Any) -> Any:
    """Returns the values in the precision in which the two are brought together."""
    both = all(is_single(tree) or is_literal(tree) for tree in (left, right))
    if not (both and (is_single(left) or is_single(right))):
        return values
    with np.errstate(over="ignore"):
        return [None if value is None else float(np.float32(value)) for value in values]


def value_of(tree: ast.AST, row: dict[str, Any]) -> Any:
    if isinstance(tree, ast.Name):
        return row[tree.id]
    if isinstance(tree, ast.Constant):
        return tree.value.encode() if isinstance(tree.value, str) else tree.value
    if isinstance(tree, ast.UnaryOp):
        inner = value_of(tree.operand, row)
        return None if inner is None else -inner
    assert isinstance(tree, ast.BinOp)
    values = [value_of(tree.left, row), value_of(tree.right, row)]
    left, right = in_common(tree.left, tree.right, values)
    if left is None or right is None:
        return None
    try:
        result = _ARITHMETIC[type(tree.op)](float(left), float(right))
    except ZeroDivisionError:
        return None
    return None if math.isnan(result) else result


def answer_of(tree: ast.AST, row: dict[str, Any]) -> bool | None:  # noqa: PLR0911  (one per form)
    if isinstance(tree, ast.BoolOp):
        parts = [answer_of(part, row) for part in tree.values]
        decisive = isinstance(tree.op, ast.Or)
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if isinstance(tree, ast.UnaryOp):
        inner = answer_of(tree.operand, row)
        return None if inner is None else not inner
    if isinstance(tree, ast.Call):
        return value_of(tree.args[0], row) is None
    assert isinstance(tree, ast.Compare)
    (comparator,), (sign,) = tree.comparators, tree.ops
    left = value_of(tree.left, row)
    if isinstance(sign, ast.In):
        assert isinstance(comparator, ast.Tuple)
        return None if left is None else left in [value_of(item, row) for item in comparator.elts]
    right = value_of(comparator, row)
    if isinstance(left, (int, float)) or isinstance(right, (int, float)):
        left, right = in_common(tree.left, comparator, [left, right])
    if left is None or right is None:
        return None
    return bool(_COMPARISONS[type(sign)](left, right))


INTS = st.integers(-4, 4)
# Both are the same in single precision.
FLOATS = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 0.25, 1.5, 3.0, math.inf, -math.inf])
TEXTS = st.sampled_from([b"", b"a", b"b", "é".encode()])


def maybe(values: Any) -> Any:
    return st.none() | values


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": maybe(INTS),
            "m": maybe(INTS),
            "x": maybe(FLOATS),
            "y": maybe(FLOATS),
            "s": maybe(TEXTS),
            "t": maybe(TEXTS),
        }
    ),
    min_size=1,
    max_size=6,
)
NAMES = st.sampled_from(["n", "m", "x", "y"])
NUMBERS = st.recursive(
    NAMES | st.sampled_from(["0", "1", "2.5", "3"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%"), inner)
        | st.builds("(-{})".format, inner)
    ),
    max_leaves=4,
)
SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
ATOMS = (
    st.builds("({} - {} {} {})".format, NAMES, NUMBERS, SIGNS, NUMBERS)
    | st.builds("({} {} {})".format, NAMES, SIGNS, NUMBERS)
    | st.builds("({} {} {})".format, st.sampled_from("st"), SIGNS, st.sampled_from(['"a"', "t"]))
    | st.builds("({} in ({}, 1.5, 0))".format, NAMES, st.sampled_from(["1", "-1"]))
    | st.sampled_from(['(s in ("a", "é"))', "missing(s)"])
    | st.builds("missing({} * {})".format, NAMES, NUMBERS)
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("(not {})".format, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, ROWS)
def test_the_answers_are_those_of_a_row_by_row_reference(text: str, rows: list[Any]) -> None:
    tree = ast.parse(text, mode="eval").body
    assert answers(text, rows) == [answer_of(tree, row) for row in rows]


def test_a_condition_on_no_rows_has_no_answers() -> None:
    assert answers("n > 0", [])[:0] == []
    assert np.asarray(answers("missing(s)", [])).shape == (0,)
