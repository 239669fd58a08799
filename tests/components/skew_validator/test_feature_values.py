"""Which values are the same, and how they are shown."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from tensorflow.core.example import example_pb2

from components.skew_validator import feature_values
from components.skew_validator.feature_values import ABSENT, Values, key_of, same, shown, values_of


def integers(*values: int) -> Values:
    return Values("integer", values)


def floats(*values: float) -> Values:
    # As tf.Examples hold them.
    return Values(
        "float", struct.unpack(f"{len(values)}f", struct.pack(f"{len(values)}f", *values))
    )


def texts(*values: bytes) -> Values:
    return Values("text", values)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (integers(3), integers(3), True),
        (integers(3), integers(4), False),
        (integers(10**9), integers(10**9 + 1), False),  # tolerance is for floats
        (integers(3), floats(3.0), True),
        (floats(3.0), integers(4), False),
        (integers(2**24 + 1), floats(2.0**24), True),  # as near as 32 bits allow
        (floats(0.1), floats(0.1 * (1 + 5e-7)), True),
        (floats(0.1), floats(0.1 * (1 + 5e-6)), False),
        (floats(1e30), floats(1e30 * (1 + 5e-7)), True),
        (floats(1e-30), floats(2e-30), False),  # relative, so small values are told apart
        (floats(0.0), floats(-0.0), True),
        (floats(0.0), floats(1e-12), False),
        (floats(math.nan), floats(math.nan), True),
        (floats(math.nan), floats(0.0), False),
        (floats(math.nan), ABSENT, False),
        (floats(math.inf), floats(math.inf), True),
        (floats(math.inf), floats(-math.inf), False),
        (floats(math.inf), floats(1.0), False),
        (texts(b"5"), integers(5), False),
        (texts(b"5.0"), floats(5.0), False),
        (texts(b""), ABSENT, False),
        (texts(b"AA"), texts(b"AA"), True),
        (texts(b"AA"), texts(b"aa"), False),
        (integers(1, 2), integers(2, 1), False),
        (integers(1, 2), integers(1), False),
        (ABSENT, ABSENT, True),
        (ABSENT, integers(0), False),
    ],
)
def test_values_are_compared_by_what_they_mean(one: Values, other: Values, expected: bool) -> None:
    assert same(one, other, 1e-6) is expected
    assert same(other, one, 1e-6) is expected


@pytest.mark.parametrize("digits", range(8))
def test_neighbours_on_two_sides_of_a_rounding_edge_are_the_same(digits: int) -> None:
    edge = 0.5 * 10.0**-digits
    below, above = edge * (1 - 1e-9), edge * (1 + 1e-9)
    assert round(below, digits) != round(above, digits)
    assert same(Values("float", (below,)), Values("float", (above,)), 1e-6)


def test_without_tolerance_every_float_counts() -> None:
    nearest = math.nextafter(1.0, 2.0)
    assert not same(Values("float", (1.0,)), Values("float", (nearest,)), 0.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ABSENT, "(missing)"),
        (integers(5), "5"),
        (floats(5.0), "5.0"),
        (floats(0.1), "0.1"),
        (floats(1e20), "1e+20"),
        (floats(16777217.0), "16777216.0"),
        (floats(math.nan, math.inf, -math.inf), "[NaN, inf, -inf]"),
        (texts(b"5"), '"5"'),
        (texts(b""), '""'),
        (texts(b'say "x"'), '"say \\"x\\""'),
        (texts("Zürich".encode()), '"Zürich"'),
        (texts(b"\xff\x00"), '"\\\\xff\\u0000"'),
        (integers(1, 2), "[1, 2]"),
    ],
)
def test_texts_numbers_and_nothing_look_different(values: Values, expected: str) -> None:
    assert shown(values) == expected


def test_long_values_are_cut() -> None:
    assert len(shown(texts(b"x" * 10**6))) == feature_values.LONGEST_TEXT
    assert len(shown(integers(*range(10**5)))) == feature_values.LONGEST_TEXT


def test_floats_that_differ_do_not_look_the_same() -> None:
    one, other = floats(0.3), floats(0.3 + 1e-7)
    assert one != other
    assert shown(one) != shown(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((texts(b"a"), texts(b"bc")), (texts(b"ab"), texts(b"c"))),
        ((integers(1), integers(23)), (integers(12), integers(3))),
        ((texts(b"5"),), (integers(5),)),
        ((texts(b"a", b"b"),), (texts(b"a, b"),)),
    ],
)
def test_entities_are_told_apart(one: tuple[Values, ...], other: tuple[Values, ...]) -> None:
    assert key_of(one) != key_of(other)


def test_an_identifier_of_the_same_value_names_the_same_entity() -> None:
    assert key_of([integers(5)]) == key_of([floats(5.0)])
    assert key_of([floats(0.5)]) != key_of([integers(0)])


def test_a_missing_identifier_names_no_entity() -> None:
    assert key_of([integers(5), ABSENT]) == b""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int64_list { value: 3 }", integers(3)),
        ("float_list { value: 0.5 }", floats(0.5)),
        ('bytes_list { value: "x" }', texts(b"x")),
        ("int64_list {}", ABSENT),
        ("", ABSENT),
    ],
)
def test_a_feature_is_read(text: str, expected: Values) -> None:
    from google.protobuf import text_format

    feature: Any = text_format.Parse(text, example_pb2.Example().features.feature["x"])
    assert values_of(feature) == expected
    assert values_of(None) == ABSENT
