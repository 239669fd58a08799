"""TensorProto to NumPy and back.

Texts are arrays of `bytes` objects (dtype object). bfloat16 and the 8-bit floats come from
`ml_dtypes`, which TensorFlow brings along; without it those types are refused. What a TensorProto
may leave out is filled as TensorFlow does: of a list shorter than its shape the last value repeats,
and an empty list is all zeros or "".

Source of the rules: `Tensor::FromProto` in tensorflow/core/framework/tensor.cc.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from serving.wire.errors import invalid
from serving.wire.messages import DataType, TensorProto

try:
    from ml_dtypes import bfloat16
except ImportError:  # a client without TensorFlow
    bfloat16 = None

DT_FLOAT = 1
DT_DOUBLE = 2
DT_INT32 = 3
DT_UINT8 = 4
DT_INT16 = 5
DT_INT8 = 6
DT_STRING = 7
DT_COMPLEX64 = 8
DT_INT64 = 9
DT_BOOL = 10
DT_BFLOAT16 = 14
DT_UINT16 = 17
DT_COMPLEX128 = 18
DT_HALF = 19
DT_UINT32 = 22
DT_UINT64 = 23

# A few bytes of request may announce a shape of any size and leave the values out. More than this
# many values have to be sent.
MAX_LEFT_OUT = 2**24

MAX_RANK = 32  # of an array before NumPy 2

DTYPES: dict[int, np.dtype[Any]] = {
    DT_FLOAT: np.dtype(np.float32),
    DT_DOUBLE: np.dtype(np.float64),
    DT_INT32: np.dtype(np.int32),
    DT_UINT8: np.dtype(np.uint8),
    DT_INT16: np.dtype(np.int16),
    DT_INT8: np.dtype(np.int8),
    DT_STRING: np.dtype(object),
    DT_COMPLEX64: np.dtype(np.complex64),
    DT_INT64: np.dtype(np.int64),
    DT_BOOL: np.dtype(np.bool_),
    DT_UINT16: np.dtype(np.uint16),
    DT_COMPLEX128: np.dtype(np.complex128),
    DT_HALF: np.dtype(np.float16),
    DT_UINT32: np.dtype(np.uint32),
    DT_UINT64: np.dtype(np.uint64),
}
if bfloat16 is not None:
    DTYPES[DT_BFLOAT16] = np.dtype(bfloat16)

_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}

# The list of a TensorProto that holds values of a type.
_VALUES: dict[int, str] = {
    DT_FLOAT: "float_val",
    DT_DOUBLE: "double_val",
    DT_INT32: "int_val",
    DT_UINT8: "int_val",
    DT_INT16: "int_val",
    DT_INT8: "int_val",
    DT_UINT16: "int_val",
    DT_STRING: "string_val",
    DT_COMPLEX64: "scomplex_val",
    DT_COMPLEX128: "dcomplex_val",
    DT_INT64: "int64_val",
    DT_BOOL: "bool_val",
    DT_HALF: "half_val",
    DT_BFLOAT16: "half_val",
    DT_UINT32: "uint32_val",
    DT_UINT64: "uint64_val",
}


def dtype_name(number: int) -> str:
    """Returns TensorFlow's short name of a type, as in its messages: "float", "string", "int64"."""
    value = DataType.values_by_number.get(number)
    return value.name.removeprefix("DT_").lower() if value else f"unknown type {number}"


def number_of(dtype: np.dtype[Any]) -> int:
    """Returns the number of a NumPy type; texts of any kind are DT_STRING.

    Raises:
        ServingError: TensorFlow has no such type; INVALID_ARGUMENT.
    """
    if dtype.kind in "OSU":
        return DT_STRING
    try:
        return _NUMBERS[dtype]
    except KeyError:
        raise invalid(f"A tensor cannot be of NumPy type {dtype}; cast it first.") from None


def to_array(proto: Any) -> np.ndarray:
    """Returns the values of a TensorProto, read-only where they lie in the message's bytes.

    Args:
        proto: A TensorProto, its values in `tensor_content` or in the list of its type.

    Raises:
        ServingError: The type is none that travels, or shape and values do not fit each other;
            INVALID_ARGUMENT.
    """
    number = proto.dtype
    dtype = DTYPES.get(number)
    if dtype is None:
        raise invalid(f"Tensor of type {dtype_name(number)} cannot be read here.")
    shape = _shape(proto)
    if proto.tensor_content:
        return _from_content(proto.tensor_content, number, shape)
    values = _from_list(proto, number)
    count = math.prod(shape)
    if len(values) == count:
        return values.reshape(shape)
    return _filled(values, count, dtype).reshape(shape)


def to_proto(array: np.ndarray, *, as_content: bool = False) -> Any:
    """Returns an array as a TensorProto.

    Args:
        array: Any shape; texts as `bytes` or `str`.
        as_content: Whether numbers go as raw bytes in `tensor_content`, which is quicker for large
            tensors; otherwise in the list of their type, as TensorFlow Serving answers.

    Raises:
        ServingError: TensorFlow has no such type; INVALID_ARGUMENT.
    """
    proto = TensorProto()
    fill(proto, array, as_content=as_content)
    return proto


def fill(proto: Any, array: np.ndarray, *, as_content: bool = False) -> None:
    """Writes an array into an empty TensorProto, as `to_proto` does."""
    number = number_of(array.dtype)
    proto.dtype = number
    dims = proto.tensor_shape.dim
    for size in array.shape:
        dims.add().size = size
    if number == DT_STRING:
        proto.string_val.extend(_texts(array.ravel().tolist()))
    elif as_content:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    else:
        getattr(proto, _VALUES[number]).extend(_plain(array, number))


def _shape(proto: Any) -> tuple[int, ...]:
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    if proto.tensor_shape.unknown_rank or (shape and min(shape) < 0):
        raise invalid(f"A tensor's shape must be known, but {list(shape)} was received.")
    # NumPy counts bytes in 64 bits, and leaves out sizes of 0.
    if len(shape) > MAX_RANK or math.prod(size or 1 for size in shape) >= 2**59:
        raise invalid(f"A tensor's shape is too large: {list(shape)[:MAX_RANK]} was received.")
    return shape


def _from_content(content: bytes, number: int, shape: tuple[int, ...]) -> np.ndarray:
    if number == DT_STRING:
        return _texts_of_content(content, math.prod(shape)).reshape(shape)
    dtype = DTYPES[number]
    expected = math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise invalid(
            f"A {dtype_name(number)} tensor of shape {list(shape)} takes {expected} bytes of "
            f"tensor_content, but {len(content)} were received."
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _texts_of_content(content: bytes, count: int) -> np.ndarray:
    """Reads texts from `tensor_content`: all lengths as varints, then all bytes.

    Source: `port::EncodeStringList`, tensorflow/core/platform/tensor_coding.cc.
    """
    lengths, at = [], 0
    wrong = invalid("tensor_content of a string tensor is malformed.")
    for _ in range(count):
        length = shift = 0
        while True:
            if at >= len(content) or shift > 28:
                raise wrong
            byte = content[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise wrong
    texts = np.empty(count, object)
    for i, length in enumerate(lengths):
        texts[i] = content[at : at + length]
        at += length
    return texts


def _from_list(proto: Any, number: int) -> np.ndarray:
    values = getattr(proto, _VALUES[number])
    if number == DT_STRING:
        texts = np.empty(len(values), object)
        texts[:] = values
        return texts
    if number in {DT_HALF, DT_BFLOAT16}:
        bits = np.array(values, np.int64).astype(np.uint16)
        return bits.view(DTYPES[number])
    if number in {DT_COMPLEX64, DT_COMPLEX128}:
        if len(values) % 2:
            raise invalid("A complex tensor needs its values in pairs, real and imaginary.")
        part = np.float32 if number == DT_COMPLEX64 else np.float64
        return np.array(values, part).view(DTYPES[number])
    if number in {DT_UINT8, DT_INT8, DT_INT16, DT_UINT16}:
        return np.array(values, np.int64).astype(DTYPES[number])  # wraps, as a C cast does
    return np.array(values, DTYPES[number])


def _filled(values: np.ndarray, count: int, dtype: np.dtype[Any]) -> np.ndarray:
    if len(values) > count:
        raise invalid(f"A tensor of {count} values was announced, but {len(values)} were received.")
    if count > MAX_LEFT_OUT:
        raise invalid(f"A tensor of {count} values was announced, but {len(values)} were received.")
    filled = np.empty(count, dtype)
    filled[: len(values)] = values
    if len(values):
        filled[len(values) :] = values[-1]
    else:
        filled[:] = b"" if dtype.hasobject else 0
    return filled


def _texts(values: Iterable[Any]) -> list[bytes]:
    return [value if isinstance(value, bytes) else str(value).encode() for value in values]


def _plain(array: np.ndarray, number: int) -> list[Any]:
    if number in {DT_HALF, DT_BFLOAT16}:
        array = np.ascontiguousarray(array).view(np.uint16)
    elif number in {DT_COMPLEX64, DT_COMPLEX128}:
        part = np.float32 if number == DT_COMPLEX64 else np.float64
        array = np.ascontiguousarray(array).view(part)
    return array.ravel().tolist()
