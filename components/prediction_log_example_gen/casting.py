"""Served values in the types of the schema: exactly, or not at all. Pure functions.

    served as   INT                        FLOAT                      BYTES
    int, bool   within int64               nearest float32            its digits
    float       when it is whole           nearest float32, when      never: a number has
                                           that is finite             many texts
    text        when it is how an int      when it is how a finite    as it is
                is written                 number is written

Any cast between types is told to the caller, who counts it: that a whole column comes in another
type is skew, even where nothing is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from components.prediction_log_example_gen.plan import BYTES, FLOAT, INT, Value

NAMES: Final = {INT: "INT", FLOAT: "FLOAT", BYTES: "BYTES"}

_INT64 = range(-(2**63), 2**63)
# Half a step above the largest float32: from there on, rounding gives infinity.
_FLOAT32_END = float.fromhex("0x1.ffffffp127")
_MAX_SHOWN = 80
_MAX_DIGITS = 20  # of an int64, with its sign; more would only take time


class CastError(Exception):
    """A value cannot be cast; the message says which, and why."""


def cast(values: Sequence[Any], served: str, wanted: str) -> Sequence[Value]:
    """Returns values in a type.

    Args:
        values: Python's integers, floats or bytes.
        served: The field of a Feature that fits them: one of the keys of `NAMES`.
        wanted: The field that shall hold them.

    Raises:
        CastError: One of them cannot be cast.
    """
    if served == wanted == BYTES:
        return values
    function = _CASTS[served, wanted]
    return [function(value) for value in values]


def _refused(value: Any, reason: str) -> CastError:
    shown = repr(value)
    return CastError(
        f"{shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'} {reason}"
    )


def _integer(value: int) -> int:
    if value not in _INT64:
        raise _refused(value, "is beyond int64")
    return int(value)  # of a bool, too


def _whole(value: float) -> int:
    if not (math.isfinite(value) and value.is_integer()):
        raise _refused(value, "is no whole number")
    return _integer(int(value))


def _digits(value: bytes) -> int:
    plain = value.removeprefix(b"-")
    if not (plain.isdigit() and len(value) <= _MAX_DIGITS and str(int(value)).encode() == value):
        raise _refused(value, "is not how a whole number is written")
    return _integer(int(value))


def _float32(value: float) -> float:
    if math.isfinite(value) and abs(value) >= _FLOAT32_END:
        raise _refused(value, "is beyond float32")
    return float(value)


def _written(value: bytes) -> float:
    try:
        # ASCII alone: other digits are numbers to Python and texts to everyone else.
        number = float(value.decode("ascii").replace("_", "x"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _refused(value, "is not how a finite number is written")
    return _float32(number)


def _shown(value: int) -> bytes:
    return str(_integer(value)).encode()


def _never(value: float) -> Value:
    raise _refused(value, "is a number that can be written in many ways")


_CASTS: dict[tuple[str, str], Callable[[Any], Value]] = {
    (INT, INT): _integer,
    (INT, FLOAT): lambda value: _float32(float(value)),
    (INT, BYTES): _shown,
    (FLOAT, INT): _whole,
    (FLOAT, FLOAT): _float32,
    (FLOAT, BYTES): _never,
    (BYTES, INT): _digits,
    (BYTES, FLOAT): _written,
}
