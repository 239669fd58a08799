"""HPACK: header blocks from and to bytes, quick for blocks that come again.

Most calls of a gRPC channel repeat a header block byte for byte, because their fields are in the
dynamic table by then. Such a block is decoded and interpreted once. What was learned is valid as
long as the dynamic table stays as it is: a block that changes the table empties the cache.

Encoding never touches the peer's dynamic table, so blocks of constant fields are constant bytes.
Decoding is left to `serving.http2.blocks`, which fields a request must have to
`serving.http2.requests`.
Source: RFC 7541.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import hpack

from serving.http2.blocks import BlockDecoder, Fields
from serving.http2.errors import ConnectionLevelError, ErrorCode

Meaning = TypeVar("Meaning")

MAX_CACHED_BLOCKS = 256
MAX_CACHED_BLOCK_BYTES = 4096
_STATIC_STATUS = {
    b"200": b"\x88",
    b"204": b"\x89",
    b"206": b"\x8a",
    b"304": b"\x8b",
    b"400": b"\x8c",
    b"404": b"\x8d",
    b"500": b"\x8e",
}


class HeaderDecoder(Generic[Meaning]):
    """Decodes the header blocks of one connection.

    Args:
        interpret: Called with the fields of a new block; its result is kept with the block, so it
            must be immutable and depend on nothing else. What it raises is passed on, not kept.
        max_list_bytes: Largest header list, counted as RFC 9113 section 6.5.2 does.
    """

    def __init__(self, interpret: Callable[[Fields], Meaning], max_list_bytes: int) -> None:
        self._interpret = interpret
        self._decoder = BlockDecoder(max_list_bytes)
        self._cache: dict[bytes, Meaning] = {}

    def decode(self, block: bytes) -> Meaning:
        """Returns what `interpret` makes of a complete block.

        Raises:
            ConnectionLevelError: The block is not HPACK, or its list is too large.
        """
        known = self._cache.get(block)
        if known is not None:
            return known
        before = self._version
        fields = self.fields(block)
        unchanged = self._version == before
        meaning = self._interpret(fields)
        if unchanged and len(block) <= MAX_CACHED_BLOCK_BYTES:
            self._remember(block, meaning)
        return meaning

    def fields(self, block: bytes) -> Fields:
        """Returns the (name, value) pairs of a block, without interpreting or keeping them.

        Raises:
            ConnectionLevelError: The block is not HPACK, or its list is too large.
        """
        before = self._version
        try:
            fields = self._decoder.decode(block)
        except hpack.OversizedHeaderListError as error:
            raise ConnectionLevelError(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from error
        except (hpack.HPACKError, IndexError, ValueError) as error:
            reason = f"a header block cannot be decoded: {error}"
            raise ConnectionLevelError(ErrorCode.COMPRESSION_ERROR, reason) from error
        if self._version != before:
            self._cache.clear()
        return fields

    @property
    def _version(self) -> tuple[int, int, int]:
        """Differs once the table does: without additions entries are only evicted."""
        table = self._decoder.table
        return self._decoder.additions, table.maxsize, len(table.dynamic_entries)

    def _remember(self, block: bytes, meaning: Meaning) -> None:
        if len(self._cache) >= MAX_CACHED_BLOCKS:
            self._cache.clear()  # a client whose blocks never repeat: cheaper than an order of use
        self._cache[block] = meaning


def encoded(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns a header block of literals that no table is asked to remember.

    Args:
        fields: Lower-case names and their values.
    """
    return b"".join(_encoded_field(name, value) for name, value in fields)


def _encoded_field(name: bytes, value: bytes) -> bytes:
    if name == b":status" and value in _STATIC_STATUS:
        return _STATIC_STATUS[value]
    return b"\x00" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    """Returns a string's length with a prefix of seven bits, without Huffman coding."""
    if number < 127:
        return bytes((number,))
    rest = number - 127
    octets = bytearray((127,))
    while rest >= 128:
        octets.append(rest & 127 | 128)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)
