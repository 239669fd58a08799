"""JSON values to tensors: nested lists to arrays of exactly the type that a signature asks for.

A list is taken apart level by level, whole levels at a time, so that nothing is guessed: NumPy
alone would read `[1, true]` as two integers and `"1"` as a number. Only when that fails is the list
walked value by value, to say what is wrong with it.

Integers do for float tensors, as in TensorFlow Serving; 1.0 does not for integer tensors. Two
things differ from it: an integer that does not fit into 8 or 16 bits is refused, not wrapped, and a
tensor has at most `tensors.MAX_RANK` dimensions.

Source of the rules and texts: `FillTensorProto` in tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

import array
import base64
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from serving.wire import tensors
from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.json_text import quoted, type_name

B64 = "b64"

_FLOATS = frozenset({tensors.DT_FLOAT, tensors.DT_DOUBLE})
_INTEGERS = frozenset(
    {
        tensors.DT_INT8,
        tensors.DT_INT16,
        tensors.DT_INT32,
        tensors.DT_INT64,
        tensors.DT_UINT8,
        tensors.DT_UINT32,
        tensors.DT_UINT64,
    }
)

SUPPORTED = _FLOATS | _INTEGERS | {tensors.DT_BOOL, tensors.DT_STRING}
"""The types that JSON can carry; halves, complex numbers and uint16 are none of them."""


_LIMITS = {
    number: (int(np.iinfo(tensors.DTYPES[number]).min), int(np.iinfo(tensors.DTYPES[number]).max))
    for number in _INTEGERS
}


def is_b64(value: Any) -> bool:
    """Returns whether a value is bytes in Base64: an object with one text named "b64"."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(B64), str)


def b64_bytes(value: dict[str, str]) -> bytes:
    """Returns the bytes of an `is_b64` value; padding and white space may be there or not.

    Raises:
        ServingError: It is no Base64; INVALID_ARGUMENT.
    """
    text = "".join(value[B64].split())
    if not text.endswith("="):
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise invalid("Unable to base64 decode") from None


def dense(value: Any, number: int) -> np.ndarray:
    """Returns a JSON value as an array.

    Args:
        value: A scalar, or lists in lists that are all as long as the first of their level.
        number: TensorFlow's number of the type.

    Returns:
        An array of the type; texts as an object array of `bytes`.

    Raises:
        ServingError: UNIMPLEMENTED for a type that JSON cannot carry, else INVALID_ARGUMENT, with
            the first value that does not fit.
    """
    shape: tuple[int, ...]
    flat: list[Any] | None
    if type(value) is list and value and type(value[0]) is not list:
        # A row of scalars is flat already; a list further on is of no type that is asked for.
        shape, flat = (len(value),), value
    else:
        shape = _shape(value)
        flat = _flat(value, shape)
    if number not in SUPPORTED:
        raise _unsupported(flat, number)
    values = None if flat is None else _typed(flat, number)
    if values is None:
        fault = _fault(value, 0, shape, number)
        raise fault or invalid(f"JSON Value: {quoted(value)} is no tensor")
    return values if len(shape) == 1 else values.reshape(shape)


def first_misfit(values: Sequence[Any], number: int) -> int | None:
    """Returns the index of the first value that does not go into one array with the first value.

    Halves the list rather than trying value by value, which takes seconds where there are many.

    Args:
        values: At least one.
        number: TensorFlow's number of the type.
    """
    if not _fits(values[:1], number):
        return 0
    low, high = 1, len(values)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits([values[0], *values[low:middle]], number):
            low = middle
        elif middle - low == 1:
            return low
        else:
            high = middle
    return low if low < len(values) else None


def _fits(values: Sequence[Any], number: int) -> bool:
    try:
        dense(list(values), number)
    except ServingError:
        return False
    return True


def _shape(value: Any) -> tuple[int, ...]:
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        if not value:
            break
        value = value[0]
        if len(sizes) > tensors.MAX_RANK:
            raise invalid(
                f"A tensor has at most {tensors.MAX_RANK} dimensions, but more were received."
            )
    return tuple(sizes)


def _flat(value: Any, shape: tuple[int, ...]) -> list[Any] | None:
    """Returns all leaves in order, or None where lists of one level are not equally long."""
    level = [value]
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            return None
        level = list(chain.from_iterable(level))
    return level


def _typed(flat: list[Any], number: int) -> np.ndarray | None:
    """Returns leaves as an array, or None where one of them is of another type."""
    kinds = set(map(type, flat))
    if number in _FLOATS:
        return _floats(flat, number) if kinds <= {int, float} else None
    if number in _INTEGERS:
        return _integers(flat, number) if kinds <= {int} else None
    if number == tensors.DT_BOOL:
        return np.array(flat, np.bool_) if kinds <= {bool} else None
    return _texts(flat) if kinds <= {str, dict} else None


def _floats(flat: list[Any], number: int) -> np.ndarray:
    """Casts as C does, so 1e39 is infinite as a float32; NumPy would warn of that."""
    code = "f" if number == tensors.DT_FLOAT else "d"
    return np.frombuffer(array.array(code, flat), tensors.DTYPES[number])


def _integers(flat: list[int], number: int) -> np.ndarray | None:
    least, most = _LIMITS[number]
    if flat and (min(flat) < least or max(flat) > most):
        return None
    return np.array(flat, tensors.DTYPES[number])


def _texts(flat: list[Any]) -> np.ndarray | None:
    texts = np.empty(len(flat), object)
    for i, value in enumerate(flat):
        if isinstance(value, str):
            texts[i] = value.encode()
        elif is_b64(value):
            texts[i] = b64_bytes(value)
        else:
            return None
    return texts


def _unsupported(flat: list[Any] | None, number: int) -> ServingError:
    return ServingError(
        StatusCode.UNIMPLEMENTED,
        f"Conversion of JSON Value: {quoted(flat[0]) if flat else ''} "
        f"to type: {tensors.dtype_name(number)}",
    )


def _fault(value: Any, level: int, shape: tuple[int, ...], number: int) -> ServingError | None:
    """Walks a value and returns what is wrong with the first that does not fit."""
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            return invalid(
                f"JSON Value: {quoted(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {rank}"
            )
        return _leaf_fault(value, number)
    if level >= rank:
        return invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        return invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    faults = (_fault(item, level + 1, shape, number) for item in value)
    return next((fault for fault in faults if fault), None)


def _leaf_fault(value: Any, number: int) -> ServingError | None:
    if _typed([value], number) is not None:
        return None
    if number == tensors.DT_STRING and isinstance(value, dict):
        return invalid(f"JSON Value: {quoted(value)} not formatted correctly for base64 data")
    return invalid(
        f"JSON Value: {quoted(value)} Type: {type_name(value)} is not of expected type: "
        f"{tensors.dtype_name(number)}"
    )
