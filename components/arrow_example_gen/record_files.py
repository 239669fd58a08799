"""Writes the examples of a split as gzip-compressed TFRecord files, named as stock TFX names them.

A block of records is framed at once: checksums are computed one by one, all else by the column.
Compression happens in a thread of its own beside the making of the next block, with Python's lock
released. Files get their final name when all are complete, since it tells how many there are:

    data_tfrecord-00000-of-00002.gz   data_tfrecord-00001-of-00002.gz

A split without examples has one file without records, as in stock TFX. Equal records give equal
files, byte by byte: gzip's header has no time.

Source: tensorflow/core/lib/io/record_writer.h; tfx/components/example_gen/write_split.py.
"""

from __future__ import annotations

import collections
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tfx.dsl.io import fileio

FILE_PREFIX = "data_tfrecord"  # write_split.DEFAULT_TF_RECORD_FILE_NAME, which drags in Beam
FILE_BYTES = 512 * 2**20
LEVEL = 3
_GZIP = 16 + zlib.MAX_WBITS
_BLOCKS_IN_FLIGHT = 2
_MASK_DELTA = np.uint32(0xA282EAD8)


def framed(records: pa.Array) -> pa.Array:
    """Returns records as they stand in a TFRecord file, as large_binary.

    Args:
        records: Of large_binary, without nulls.
    """
    lengths = pc.binary_length(records).dictionary_encode()
    headers = pa.array([_header(length) for length in lengths.dictionary.to_pylist()])
    headers = headers.cast(pa.large_binary()).take(lengths.indices)
    checksums = _masked([google_crc32c.value(record) for record in records.to_pylist()])
    return pc.binary_join_element_wise(
        headers, records, _words(checksums), pa.scalar(b"", pa.large_binary())
    )


def _header(length: int) -> bytes:
    data = length.to_bytes(8, "little")
    return data + _masked([google_crc32c.value(data)]).tobytes()


def _masked(checksums: list[int]) -> np.ndarray:
    plain = np.array(checksums, dtype="<u4")
    return (plain >> np.uint32(15) | plain << np.uint32(17)) + _MASK_DELTA


def _words(numbers: np.ndarray) -> pa.Array:
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(4), len(numbers), [None, pa.py_buffer(numbers.tobytes())]
    )
    return fixed.cast(pa.large_binary())


class RecordFiles:
    """The files of one split, to be used in a `with` block.

    Attributes:
        count: How many records were written.
    """

    def __init__(self, folder: str, file_bytes: int = FILE_BYTES, level: int = LEVEL) -> None:
        """Begins the first file.

        Args:
            folder: Is made if missing.
            file_bytes: Uncompressed size, in bytes, from which on a new file is begun.
            level: Of compression, 1 (fast) to 9 (small).
        """
        self.count = 0
        self._folder = folder
        self._file_bytes = file_bytes
        self._level = level
        self._files = 0
        self._written = 0
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: collections.deque[Future[None]] = collections.deque()
        fileio.makedirs(folder)
        self._begin()

    def write(self, records: pa.Array) -> None:
        """Adds records; waits while earlier ones still lie uncompressed.

        Args:
            records: As `framed` returns them.
        """
        self.count += len(records)
        while len(self._waiting) >= _BLOCKS_IN_FLIGHT:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._append, records))

    def __enter__(self) -> RecordFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for future in self._waiting:
                future.result()
        finally:
            self._thread.shutdown(cancel_futures=True)
            self._end()
        if error is None:
            self._name()

    def _append(self, records: pa.Array) -> None:
        if self._written >= self._file_bytes:
            self._end()
            self._begin()
        data = _data(records)
        self._file.write(self._gzip.compress(data))
        self._written += len(data)

    def _begin(self) -> None:
        self._file: Any = fileio.open(self._temporary(self._files), "wb")
        self._gzip = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP)
        self._files += 1
        self._written = 0

    def _end(self) -> None:
        with self._file:
            self._file.write(self._gzip.flush())

    def _name(self) -> None:
        for place in range(self._files):
            final = f"{self._folder}/{FILE_PREFIX}-{place:05d}-of-{self._files:05d}.gz"
            fileio.rename(self._temporary(place), final, overwrite=True)

    def _temporary(self, place: int) -> str:
        return f"{self._folder}/.{FILE_PREFIX}-{place:05d}.tmp"


def _data(records: pa.Array) -> memoryview:
    """Returns the bytes of records that follow one another, without copying them."""
    _, offsets, data = records.buffers()
    if data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, dtype=np.int64)
    first, last = ends[records.offset], ends[records.offset + len(records)]
    return memoryview(data)[first:last]
