"""TFRecord files: framing, checking, reading and writing, without TensorFlow.

A file is a sequence of records and nothing else:

    uint64  length of the data           little-endian
    uint32  masked CRC-32C of the length
    byte[]  data
    uint32  masked CRC-32C of the data

Two kinds of damage are told apart, since they call for different acts. A *torn* file ends within a
record: its writer was stopped, and what comes before is good. A *corrupt* record does not match its
checksum: if only the data is wrong, the next record is still found; if the length is wrong,
nothing after it is.

    ServingError
    └── TFRecordError        DATA_LOSS, as in TensorFlow
        ├── TornError
        └── CorruptError

What records mean is for `serving.request_log.record`. Compressed files are not read.

Source: tensorflow/core/lib/io/record_writer.h and tensorflow/core/lib/hash/crc32c.h (masking).
"""

from __future__ import annotations

import dataclasses
import functools
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from serving.request_log.durable import publish
from serving.wire.errors import ServingError, StatusCode

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
HEADER_BYTES = _LENGTH.size + _CRC.size
FOOTER_BYTES = _CRC.size
READ_BUFFER_BYTES = 1 << 20

_MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF


class TFRecordError(ServingError):
    """A file, or a part of it, that is not a whole TFRecord.

    Attributes:
        offset: Where the bad record begins, in bytes from the start of the file.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(StatusCode.DATA_LOSS, message)
        self.offset = offset


class TornError(TFRecordError):
    """The file ends within a record."""


class CorruptError(TFRecordError):
    """A record's length or data does not match its checksum."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One record as found in a file.

    Attributes:
        end: Where the next record begins, in bytes from the start of the file; for a record that
            cannot be skipped, where it begins itself.
        content: The data, or what is wrong with it.
    """

    end: int
    content: bytes | TFRecordError


def masked_crc(*parts: bytes) -> int:
    """Returns the checksum of data, as TFRecord stores it.

    It is rotated right by 15 bits and a constant is added, because the checksum of data that holds
    checksums itself is weak.

    Args:
        *parts: The data, in any number of parts that follow one another.
    """
    crc = functools.reduce(google_crc32c.extend, parts, 0)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _UINT32


def framed(*parts: bytes) -> bytes:
    """Returns one record, ready to be appended to a file.

    Args:
        *parts: Its data, in any number of parts that follow one another.
    """
    header = _header(sum(map(len, parts)))
    return b"".join((header, *parts, _CRC.pack(masked_crc(*parts))))


@functools.lru_cache(maxsize=1024)  # most records of a log have one of a few lengths
def _header(length: int) -> bytes:
    data = _LENGTH.pack(length)
    return data + _CRC.pack(masked_crc(data))


def entries(file: BinaryIO, size: int) -> Iterator[Entry]:
    """Yields the records of a file, damaged ones included.

    Ends after the first entry that cannot be skipped.

    Args:
        file: Open at its start.
        size: Its length in bytes. A record that claims to reach beyond is torn, however large
            the claim: no memory is taken for it.
    """
    offset = 0
    while offset < size:
        entry = _next_entry(file, offset, size)
        yield entry
        if entry.end == offset:
            return
        offset = entry.end


def _next_entry(file: BinaryIO, offset: int, size: int) -> Entry:
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return Entry(offset, TornError(f"truncated record at {offset}: its header ends", offset))
    (length,) = _LENGTH.unpack_from(header)
    if _CRC.unpack_from(header, _LENGTH.size)[0] != masked_crc(header[: _LENGTH.size]):
        return Entry(offset, CorruptError(_mismatch(offset, "length"), offset))
    end = offset + HEADER_BYTES + length + FOOTER_BYTES
    rest = file.read(length + FOOTER_BYTES) if end <= size else b""
    if len(rest) < length + FOOTER_BYTES:
        return Entry(offset, TornError(f"truncated record at {offset}: its data ends", offset))
    data = rest[:length]
    if _CRC.unpack_from(rest, length)[0] != masked_crc(data):
        return Entry(end, CorruptError(_mismatch(offset, "data"), offset))
    return Entry(end, data)


def _mismatch(offset: int, part: str) -> str:
    return f"corrupted record at {offset}: its {part} does not match the checksum"


def read_records(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yields the records of a file that has to be whole.

    Args:
        path: A regular file.

    Raises:
        TornError: The file ends within a record.
        CorruptError: A record does not match its checksum.
        OSError: The file cannot be read.
    """
    with Path(path).open("rb", buffering=READ_BUFFER_BYTES) as file:
        for entry in entries(file, os.fstat(file.fileno()).st_size):
            if isinstance(entry.content, TFRecordError):
                error = entry.content
                raise type(error)(f"{os.fspath(path)}: {error.message}", error.offset)
            yield entry.content


def write_records(path: str | os.PathLike[str], records: Iterable[bytes]) -> int:
    """Writes a file, which appears under its name only when it is complete.

    Args:
        path: The file; one that is there is replaced. Its folder is made if missing.
        records: The data of each record.

    Returns:
        How many records were written.

    Raises:
        OSError: The file cannot be written; nothing new is left behind.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with temporary.open("wb", buffering=READ_BUFFER_BYTES) as file:
            for count, record in enumerate(records, start=1):  # noqa: B007 (returned)
                file.write(framed(record))
            file.flush()
            publish(file.fileno(), temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return count
