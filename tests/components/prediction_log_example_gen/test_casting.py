from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.prediction_log_example_gen.casting import CastError, cast
from components.prediction_log_example_gen.plan import BYTES, FLOAT, INT

LARGEST = struct.unpack("<f", struct.pack("<I", 0x7F7FFFFF))[0]  # of float32
KINDS = {INT: st.integers(-(2**70), 2**70), FLOAT: st.floats(), BYTES: st.binary()}


@pytest.mark.parametrize(
    ("value", "served", "wanted", "expected"),
    [
        (7, INT, INT, 7),
        (True, INT, INT, 1),
        (-(2**63), INT, INT, -(2**63)),
        (7, INT, FLOAT, 7.0),
        (-7, INT, BYTES, b"-7"),
        (2.0, FLOAT, INT, 2),
        (2.5, FLOAT, FLOAT, 2.5),
        (float("inf"), FLOAT, FLOAT, float("inf")),
        (LARGEST, FLOAT, FLOAT, LARGEST),
        (b"12", BYTES, INT, 12),
        (b"-12", BYTES, INT, -12),
        (b"1.5e3", BYTES, FLOAT, 1500.0),
        (b"\xff", BYTES, BYTES, b"\xff"),
    ],
)
def test_what_loses_nothing_is_cast(value: Any, served: str, wanted: str, expected: Any) -> None:
    [found] = cast([value], served, wanted)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_stays_nan() -> None:
    [found] = cast([float("nan")], FLOAT, FLOAT)
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("value", "served", "wanted", "reason"),
    [
        (2**63, INT, INT, "beyond int64"),
        (2.5, FLOAT, INT, "2.5 is no whole number"),
        (float("nan"), FLOAT, INT, "no whole number"),
        (float("inf"), FLOAT, INT, "no whole number"),
        (1e300, FLOAT, INT, "beyond int64"),
        (1e300, FLOAT, FLOAT, "beyond float32"),
        (2**70, INT, BYTES, "beyond int64"),
        (2.5, FLOAT, BYTES, "many ways"),
        (b"", BYTES, INT, "not how a whole number"),
        (b"-", BYTES, INT, "not how a whole number"),
        (b"007", BYTES, INT, "not how a whole number"),
        (b" 7", BYTES, INT, "not how a whole number"),
        (b"7.0", BYTES, INT, "not how a whole number"),
        (b"9" * 5000, BYTES, INT, "not how a whole number"),
        (b"9" * 19, BYTES, INT, "beyond int64"),
        (b"nan", BYTES, FLOAT, "not how a finite number"),
        (b"1_0", BYTES, FLOAT, "not how a finite number"),
        ("٣".encode(), BYTES, FLOAT, "not how a finite number"),
        (b"", BYTES, FLOAT, "not how a finite number"),
        (b"1e300", BYTES, FLOAT, "beyond float32"),
    ],
)
def test_what_would_lose_something_is_refused(
    value: Any, served: str, wanted: str, reason: str
) -> None:
    with pytest.raises(CastError, match=reason):
        cast([value], served, wanted)


def test_a_long_value_is_not_shown_in_full() -> None:
    with pytest.raises(CastError) as caught:
        cast([b"x" * 1000], BYTES, INT)
    assert len(str(caught.value)) < 150


@given(st.data())
def test_nothing_but_a_cast_error_is_raised(data: st.DataObject) -> None:
    served, wanted = (data.draw(st.sampled_from(sorted(KINDS))) for _ in range(2))
    value = data.draw(KINDS[served])
    try:
        [found] = cast([value], served, wanted)
    except CastError:
        return
    assert type(found) is {INT: int, FLOAT: float, BYTES: bytes}[wanted]


@given(st.floats())
def test_what_is_cast_to_float_fits_float32(value: float) -> None:
    try:
        [found] = cast([value], FLOAT, FLOAT)
    except CastError:
        with pytest.raises(OverflowError):
            struct.pack("<f", value)
        return
    assert isinstance(found, float)
    struct.pack("<f", found)
