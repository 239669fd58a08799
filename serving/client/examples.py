"""Rows as tf.Examples.

A row is a mapping of feature names to values, or the bytes of a tf.Example that somebody else made:

    bool, int, NumPy integers       int64_list
    float, NumPy floats             float_list
    str, bytes                      bytes_list, text as UTF-8
    a list, tuple or array of one of these: as many values; of ints and floats together, floats
    None, [] or ()                  absent

A model's features have one type each, and 12 is not 12.0 to it: a feature of floats takes `12.0`
or `numpy.float32(12)`. The server says so if it was given another.

Source of the format: tensorflow/core/example/feature.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from serving.client.errors import InvalidRequest, refused
from serving.wire.messages import Example

Row = Mapping[str, Any] | bytes

_INT64 = range(-(2**63), 2**63)


def to_example(row: Row, position: int = 0) -> Any:
    """Returns one row as a message.

    Args:
        row: A mapping, or a serialized tf.Example.
        position: Its place among the rows, from 0, for messages.

    Raises:
        InvalidRequest: A value has none of the types above, or the bytes are no tf.Example.
    """
    if isinstance(row, bytes | bytearray | memoryview):
        return _parsed(bytes(row), position)
    if not isinstance(row, Mapping):
        raise refused(
            f"Example {position}: expected a mapping of names to values, or the bytes of a "
            f"tf.Example, received {type(row).__name__}."
        )
    example = Example()
    for name, value in row.items():
        if not isinstance(name, str):
            raise refused(f"Example {position}: expected names as str, received {name!r}.")
        values = _values(value)
        if values:
            _fill(example.features.feature[name], values, f"Example {position}, {name!r}")
    return example


def serialize(rows: Sequence[Row]) -> list[bytes]:
    """Returns rows as serialized tf.Examples; bytes are passed on as they are.

    Raises:
        InvalidRequest: As `to_example`, or `rows` is no sequence of rows.
    """
    check_rows(rows)
    return [
        bytes(row)
        if isinstance(row, bytes | bytearray | memoryview)
        else to_example(row, position).SerializeToString(deterministic=True)
        for position, row in enumerate(rows)
    ]


def check_rows(rows: Any) -> None:
    """Refuses one row where a sequence of rows is asked for.

    Raises:
        InvalidRequest: It is a single row.
    """
    if isinstance(rows, Mapping | str | bytes | bytearray) or not isinstance(rows, Iterable):
        raise refused(
            f"Expected a list of examples, received one {type(rows).__name__}; write [example]."
        )


def _parsed(serialized: bytes, position: int) -> Any:
    try:
        return Example.FromString(serialized)
    except DecodeError as error:
        raise refused(
            f"Example {position}: expected the bytes of a tf.Example, received {len(serialized)} "
            f"bytes that are none: {error}"
        ) from error


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, np.ndarray | np.generic):
        plain = value.tolist()
        return _flat(plain) if isinstance(plain, list) else [plain]
    if isinstance(value, list | tuple):
        return _flat(value)
    return [value]


def _flat(values: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple | np.ndarray):
            flat.extend(_flat(value))
        else:
            flat.append(value.item() if isinstance(value, np.generic) else value)
    return flat


def _fill(feature: Any, values: list[Any], place: str) -> None:
    if all(isinstance(value, str | bytes) for value in values):
        feature.bytes_list.value.extend(
            value.encode() if isinstance(value, str) else value for value in values
        )
    elif all(isinstance(value, int) for value in values):
        if any(value not in _INT64 for value in values):
            raise _unfit(place, "whole numbers of 64 bits", values)
        feature.int64_list.value.extend(map(int, values))  # protobuf 6 takes no bool for one
    elif all(isinstance(value, int | float) for value in values):
        feature.float_list.value.extend(map(float, values))
    else:
        raise _unfit(place, "int, float, str, bytes, None, or a list of one of these", values)


def _unfit(place: str, expected: str, values: list[Any]) -> InvalidRequest:
    shown = repr(values[0] if len(values) == 1 else values)
    return refused(f"{place}: expected {expected}, received {shown[:100]}.")
