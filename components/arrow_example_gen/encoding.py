"""Serializes columns to tf.Examples, a block of rows at a time. Pure functions.

The bytes are those of protobuf's deterministic serialization in Python (upb's), features in the
order of their names. This is what stock ExampleGen hashes to pick a row's split. (tfx-bsl's encoder
orders features at random, so its examples would have to be parsed again for that.)

A row is put together from two pieces for each feature: its value, and all that goes before it,
which depends on the value's size alone. The int 300 of a feature `n`, whose varint is `ac 02`:

    0a 0c                     Example.features
      0a 0a                   Features.feature, an entry of the map
        0a 01 6e              its key
        12 05                 its value, a Feature
          1a 03               int64_list (0a: bytes_list, 12: float_list)
            0a 02 ac 02       values; 02 is the size of what follows

Source: tensorflow/core/example/feature.proto; protobuf.dev/programming-guides/encoding;
upb/message/map_sorter.c.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = -1  # as a size

_LENGTH_DELIMITED = 2
_KEY, _VALUE = b"\x0a", b"\x12"  # of an entry of the map; also of other messages' first fields
_FIRST = b"\x0a"
_LISTS = {pa.large_binary(): b"\x0a", pa.float32(): b"\x12", pa.int64(): b"\x1a"}
# Smallest numbers that take 2, 3, ... 10 bytes as varints.
_VARINT_STEPS = np.array([1 << (7 * count) for count in range(1, 10)], dtype=np.uint64)


def varint(number: int) -> bytes:
    """Returns a non-negative number as protobuf's varint."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def features(values: pa.Array) -> pa.Array:
    """Returns serialized `tf.train.Feature`s, as large_binary.

    Args:
        values: Of int64, float32 or large_binary, null where missing; or of null, for a feature
            of no type.
    """
    payloads, sizes = _payloads(values)
    return _join([_taken(sizes, lambda size: _feature_head(values.type, size)), payloads])


def examples(batch: pa.RecordBatch) -> pa.Array:
    """Returns serialized tf.Examples, one for each row, as large_binary.

    Args:
        batch: Columns as `features` takes them, under different names.
    """
    pieces: list[pa.Array] = []
    total = np.zeros(batch.num_rows, dtype=np.int64)
    columns = {name.encode(): batch.column(name) for name in batch.schema.names}
    for name in sorted(columns, key=_place):
        values = columns[name]
        payloads, sizes = _payloads(values)
        head = _entry_head(name, values.type)
        pieces += [_taken(sizes, head), payloads]
        for piece in pieces[-2:]:
            total += pc.binary_length(piece).to_numpy(zero_copy_only=False)
    return _join([_taken(total, lambda size: _FIRST + varint(size)), *pieces])


def _place(name: bytes) -> list[int]:
    # upb compares names byte by byte, and puts one that begins with another before that: ab, a, b.
    return [*name, 0x100]


def _entry_head(name: bytes, value_type: pa.DataType) -> Callable[[int], bytes]:
    key = _KEY + varint(len(name)) + name

    def head(size: int) -> bytes:
        feature = _feature_head(value_type, size)
        feature_size = len(feature) + max(size, 0)
        value = _VALUE + varint(feature_size)
        entry_size = len(key) + len(value) + feature_size
        return _FIRST + varint(entry_size) + key + value + feature

    return head


def _feature_head(value_type: pa.DataType, size: int) -> bytes:
    if value_type == pa.null():
        return b""
    values = b"" if size == MISSING else _FIRST + varint(size)
    return _LISTS[value_type] + varint(len(values) + max(size, 0)) + values


def _taken(sizes: np.ndarray, make: Callable[[int], bytes]) -> pa.Array:
    """Returns what is made of each size, made once for each that occurs."""
    coded = pa.array(sizes).dictionary_encode()
    made = pa.array([make(size) for size in coded.dictionary.to_pylist()], pa.large_binary())
    return made.take(coded.indices)


def _payloads(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Returns the values without what goes before them, and their sizes in bytes."""
    if values.type == pa.null():
        return pa.array([b""], pa.large_binary()).take(_zeros(len(values))), _zeros(len(values))
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if values.type == pa.large_binary():
        payloads = values.fill_null(b"")
        sizes = pc.binary_length(payloads).to_numpy(zero_copy_only=False)
    else:
        numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
        encode = _floats if values.type == pa.float32() else _varints
        sizes, data = encode(numbers, ~missing)
        payloads = _binary(sizes, data)
    return payloads, np.where(missing, MISSING, sizes)


def _floats(numbers: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, bytes]:
    return present * np.int64(4), numbers[present].astype("<f4").tobytes()


def _varints(numbers: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, bytes]:
    unsigned = numbers.astype(np.int64).view(np.uint64)  # a negative int is its two's complement
    sizes = np.searchsorted(_VARINT_STEPS, unsigned, side="right") + 1
    sizes = np.where(present, sizes, 0)
    places = np.arange(sizes.max(initial=0))
    parts = (unsigned[:, None] >> (7 * places).astype(np.uint64)) & np.uint64(0x7F)
    parts |= np.where(places < sizes[:, None] - 1, np.uint64(0x80), np.uint64(0))
    return sizes, parts.astype(np.uint8)[places < sizes[:, None]].tobytes()


def _binary(sizes: np.ndarray, data: bytes) -> pa.Array:
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(sizes), buffers)


def _join(pieces: list[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.large_binary()))


def _zeros(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.int64)
