"""Values of any kind as an array of the type that a signature asks for.

The usual trap is a float64 array, or a list of Python ints, for a float32 input: a server takes
exactly its type and refuses the others. So values are cast, as long as they stay what they were:

    floats to floats        to the nearest, as any float32 is made; refused when it gets infinite
    integers to floats      when each is held exactly
    floats to integers      when each is whole and in range
    bools to numbers        0 and 1; back as well
    texts                   never to numbers, nor numbers to texts

Texts become arrays of objects: NumPy's own text types cut trailing zero bytes off, which end many a
serialized tf.Example.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from serving.client.errors import InvalidRequest, refused
from serving.wire.tensors import DT_STRING, DTYPES, dtype_name

_TEXT_KINDS = "OSUT"


def as_array(value: Any, name: str) -> np.ndarray:
    """Returns what a caller gave as an array whose type is NumPy's choice; texts as objects.

    Args:
        value: An array, a scalar, nested lists, or whatever NumPy makes an array of.
        name: The input's name, for messages.

    Raises:
        InvalidRequest: Lists of unequal lengths, or objects that are neither numbers nor texts.
    """
    try:
        array = _numbers_or_none(value)
        if array is None:
            array = _texts(value, name)
    except (ValueError, TypeError, OverflowError) as error:
        raise refused(
            f"Input {name!r} is no array: expected numbers or texts, nested evenly; NumPy says: "
            f"{error}"
        ) from error
    if array.dtype.kind == "O":
        return array
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def cast(array: np.ndarray, number: int, name: str) -> np.ndarray:
    """Returns an array as one of a signature's type.

    Args:
        array: Of `as_array`.
        number: TensorFlow's number of the type; of one that is not known here nothing is changed.
        name: The input's name, for messages.

    Raises:
        InvalidRequest: Values would not stay what they are; the message shows one of them.
    """
    if number not in DTYPES or (number == DT_STRING and array.dtype.kind == "O"):
        return array
    dtype = DTYPES[number]
    if array.dtype == dtype:
        return array
    if array.size == 0:
        return array.astype(dtype)
    if number == DT_STRING or array.dtype.kind == "O":
        raise _unfit(array.ravel()[0], number, name)
    return _cast_numbers(array, dtype, number, name)


def _cast_numbers(array: np.ndarray, dtype: np.dtype[Any], number: int, name: str) -> np.ndarray:
    if array.dtype.kind == "c" and dtype.kind != "c":
        raise _unfit(array.ravel()[0], number, name)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = array.astype(dtype)
        same = _unchanged(array, result)
    if not same.all():
        raise _unfit(array[~same].ravel()[0], number, name)
    return result


def _unchanged(array: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Returns where a cast kept the value."""
    if _inexact(array) and _inexact(result):
        return np.isfinite(result) | ~np.isfinite(array)
    back = result.astype(array.dtype)
    # The way back alone is deceived where both casts wrap: -1 is 2**64 - 1 and -1 again; and
    # where rounding goes over the end of a range: 2**63 - 1 is 2.0**63 and 2**63 - 1 again.
    kept = (back == array) & ((array < 0) == (result < 0))
    if array.dtype.kind in "iu" and _inexact(result):
        kept &= result.astype(np.float64) < float(np.iinfo(array.dtype).max) + 1
    if _inexact(array) and result.dtype.kind in "iu":
        limits = np.iinfo(result.dtype)
        kept &= (array >= float(limits.min)) & (array < float(limits.max) + 1)
    return kept


def _inexact(array: np.ndarray) -> bool:
    # bfloat16 and its like are of kind "V" for NumPy.
    return array.dtype.kind in "fcV"


def _numbers_or_none(value: Any) -> np.ndarray | None:
    try:
        array = np.asarray(value)
    except UnicodeDecodeError:  # str and bytes together, and not ASCII
        return None
    return None if array.dtype.kind in _TEXT_KINDS else array


def _texts(value: Any, name: str) -> np.ndarray:
    is_array = isinstance(value, np.ndarray)
    array = value.astype(object) if is_array else np.array(value, dtype=object)
    for leaf in array.ravel():
        if not isinstance(leaf, str | bytes):
            raise refused(
                f"Input {name!r}: expected all texts (str or bytes), or all numbers, nested "
                f"evenly; received {leaf!r} among them."
            )
    return array


def _unfit(value: Any, number: int, name: str) -> InvalidRequest:
    shown = value.item() if isinstance(value, np.generic) else value
    return refused(
        f"Input {name!r}: expected values of type {dtype_name(number)}, received {shown!r}, which "
        "cannot be one without a change. Convert it first."
    )
