"""Values as users write them, against the types that fields declare."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any, Literal

import pytest

from pipelines import typed_values
from pipelines.typed_values import ConfigValueError, PositiveInt, Probability, Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    depth: PositiveInt
    rate: float = 0.5

    def __post_init__(self) -> None:
        typed_values.check_fields(self)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (0.25, Probability, 0.25),
        (1, Probability, 1.0),
        (True, bool, True),
        ("a", str, "a"),
        ("grid", Literal["grid", "random"], "grid"),
        ([["a"], ["b", "c"]], tuple[tuple[str, ...], ...], (("a",), ("b", "c"))),
        ([1, "x"], tuple[int, str], (1, "x")),
        ((), tuple[str, ...], ()),
        (None, float | None, None),
        ("none", float | None, None),
        (2, float | None, 2.0),
        ({"depth": 2}, Inner, Inner(depth=2, rate=0.5)),
    ],
)
def test_a_fitting_value_is_returned_as_its_type(value: Any, hint: Any, expected: Any) -> None:
    coerced = typed_values.coerce(value, hint, "key")
    assert coerced == expected
    assert type(coerced) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (True, int, "expected an integer, received True"),
        (3.0, int, "expected an integer, received 3.0"),
        ("3", int, "expected an integer, received '3'"),
        (True, float, "expected a number, received True"),
        (1, bool, "expected true or false, received 1"),
        (1, str, "expected a string, received 1"),
        (0, PositiveInt, "expected an integer of at least 1, received 0"),
        ("x", PositiveInt, "expected an integer of at least 1, received 'x'"),
        (1.5, Probability, "expected a number from 0 to 1, received 1.5"),
        (math.nan, Probability, "expected a number from 0 to 1, received nan"),
        (-math.inf, Probability, "expected a number from 0 to 1, received -inf"),
        (11, Annotated[int, Range(high=10)], "expected an integer of at most 10, received 11"),
        (10**400, float, "expected a number, received one too large for a float"),
        ("grib", Literal["grid", "random"], "expected one of grid, random, received 'grib'"),
        (1, Literal["1"], "expected one of 1, received 1"),
        (True, Literal[1], "expected one of 1, received True"),
        ("a", tuple[str, ...], "expected a list, each item a string, received 'a'"),
        ([1], tuple[int, str], "expected a list of 2 (an integer, a string), received [1]"),
        ("x", float | None, "expected a number or none, received 'x'"),
        (4, Inner, "expected a table with the keys depth, rate, received 4"),
        ({}, Inner, "expected a table that also has depth"),
    ],
)
def test_a_refusal_says_what_was_expected_and_received(value: Any, hint: Any, said: str) -> None:
    with pytest.raises(ConfigValueError) as caught:
        typed_values.coerce(value, hint, "key")
    assert str(caught.value) == f"key: {said}"


@pytest.mark.parametrize(
    ("value", "hint", "key"),
    [
        ([["a"], [1]], tuple[tuple[str, ...], ...], "slices[1][0]"),
        ({"depth": 0}, Inner, "slices.depth"),
    ],
)
def test_a_refusal_names_the_place_inside_a_nested_value(value: Any, hint: Any, key: str) -> None:
    with pytest.raises(ConfigValueError) as caught:
        typed_values.coerce(value, hint, "slices")
    assert caught.value.key == key


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigValueError) as caught:
        typed_values.coerce("x" * 1000, int, "key")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("hint", "accepted"),
    [
        (str, True),
        (str | None, True),
        (Literal["grid"], True),
        (Literal[1], False),
        (int, False),
        (PositiveInt, False),
        (tuple[str, ...], False),
    ],
)
def test_only_types_that_hold_text_take_a_bare_word(hint: Any, accepted: bool) -> None:
    assert typed_values.accepts_text(hint) is accepted
