"""Values of one feature in one row: what they are, whether two sides mean the same, how they read.

Values are compared, not bytes: an integer served as a float of that value is the same value, and so
are two NaNs, an absent feature and one that holds no values. Two floats are the same if they differ
by no more than a share of the larger. Rounding both to some digits, as TFDV's detector can, would
part neighbours that lie on the two sides of a rounding edge, and is no relative measure.
"""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

LONGEST_TEXT: Final = 80  # characters of a value that are shown
MISSING: Final = "(missing)"

_KINDS = {"bytes_list": "text", "float_list": "float", "int64_list": "integer"}
_NONE: tuple[Any, ...] = ()


class Values(NamedTuple):
    """Values of a feature in a row.

    Attributes:
        kind: "text", "float" or "integer"; "" where there are none.
        values: Bytes, floats or integers.
    """

    kind: str
    values: Sequence[Any]


ABSENT: Final = Values("", _NONE)


def values_of(feature: Any) -> Values:
    """Returns the values that a `tf.train.Feature` holds; `None` holds none."""
    if feature is None:
        return ABSENT
    field = feature.WhichOneof("kind")
    held = tuple(getattr(feature, field).value) if field else _NONE
    return Values(_KINDS[field], held) if held else ABSENT


def same(training: Values, serving: Values, tolerance: float) -> bool:
    """Returns whether two sides mean the same.

    Args:
        training: Values on one side.
        serving: Values on the other.
        tolerance: Difference of two floats, relative to the larger, up to which they are the same.
            Two integers and two texts have to be equal.
    """
    if len(training.values) != len(serving.values):
        return False
    kinds = {training.kind, serving.kind}
    if "float" not in kinds:
        return training.kind == serving.kind and training.values == serving.values
    if "text" in kinds:
        return False
    pairs = zip(training.values, serving.values, strict=True)
    return all(
        math.isclose(one, other, rel_tol=tolerance) or (math.isnan(one) and math.isnan(other))
        for one, other in pairs
    )


def shown(values: Values) -> str:
    """Returns values for people: a text in quotes, a float as short as its 32 bits allow."""
    if not values.values:
        return MISSING
    # No more than could be seen: a feature may hold thousands of values.
    some = [_shown(value) for value in itertools.islice(values.values, LONGEST_TEXT)]
    text = some[0] if len(values.values) == 1 else f"[{', '.join(some)}]"
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def key_of(values: Sequence[Values]) -> bytes:
    """Returns bytes that are the same for rows of one entity, and for no others.

    Args:
        values: Those of the identifier features, in one order for all rows.

    Returns:
        Empty where a feature holds no values: such a row names no entity.
    """
    if not all(one.values for one in values):
        return b""
    return repr([[_whole(value) for value in one.values] for one in values]).encode()


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        text = value[: LONGEST_TEXT * 4].decode(errors="backslashreplace")
        return json.dumps(text, ensure_ascii=False)
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    """Returns the fewest digits that give the same 32-bit float, never those of an integer."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "NaN")
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", value):
            return text if set(text) & set(".e") else f"{text}.0"
    return repr(value)  # not one of 32 bits
