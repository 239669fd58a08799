"""Decodes HPACK blocks, with the tables and the Huffman code of the `hpack` package.

hpack's own decoder takes about four times as long over a block, which is felt with clients that
send something new in each call, such as a trace or a deadline in microseconds. Remembering blocks
that come again is left to `serving.http2.headers`.
Source: RFC 7541, sections 5 and 6.
"""

from __future__ import annotations

from hpack import HPACKDecodingError, InvalidTableSizeError, OversizedHeaderListError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

Fields = list[tuple[bytes, bytes]]

_ENTRY_OVERHEAD = 32
# Longer numbers have no use here, and Python would compute with them for ever.
_MAX_SHIFT = 28


class BlockDecoder:
    """Decodes the blocks of one connection, in order.

    Args:
        max_list_bytes: Largest list of fields, each counted with 32 bytes on top.

    Attributes:
        table: The dynamic table.
        additions: How many fields have been added to it.
    """

    def __init__(self, max_list_bytes: int) -> None:
        self._max_list_bytes = max_list_bytes
        self.table = HeaderTable()
        self._max_table_bytes = self.table.maxsize
        self.additions = 0

    def decode(self, block: bytes) -> Fields:
        """Returns the (name, value) pairs of a complete block.

        Raises:
            hpack.HPACKError: The block is malformed, or its list is too large.
            IndexError: It is cut off.
        """
        fields: Fields = []
        position, size = 0, 0
        entry = self.table.get_by_index
        while position < len(block):
            octet = block[position]
            if octet > 0x80 and octet != 0xFF:
                field = entry(octet & 0x7F)
                position += 1
            elif octet & 0x80:
                index, position = _number(block, position, 0x7F)
                field = entry(index)
            elif octet & 0xE0 == 0x20:
                position = self._resize(block, position, late=bool(fields))
                continue
            else:
                field, position = self._literal(block, position)
            fields.append(field)
            size += len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
            if size > self._max_list_bytes:
                raise OversizedHeaderListError(
                    f"a header list of over {self._max_list_bytes} bytes"
                )
        return fields

    def _literal(self, block: bytes, position: int) -> tuple[tuple[bytes, bytes], int]:
        remembered = block[position] & 0x40
        index, position = _number(block, position, 0x3F if remembered else 0x0F)
        if index:
            name = self.table.get_by_index(index)[0]
        else:
            name, position = _string(block, position)
        value, position = _string(block, position)
        if remembered:
            self.additions += 1
            self.table.add(name, value)
        return (name, value), position

    def _resize(self, block: bytes, position: int, *, late: bool) -> int:
        size, position = _number(block, position, 0x1F)
        if late:
            raise HPACKDecodingError("a change of the table's size after a field")
        if size > self._max_table_bytes:
            raise InvalidTableSizeError(f"a table of {size} bytes is over {self._max_table_bytes}")
        self.table.maxsize = size
        return position


def _number(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """Returns the number whose prefix is under `mask` at `position`, and where it ends."""
    number = block[position] & mask
    position += 1
    if number < mask:
        return number, position
    shift = 0
    while True:
        octet = block[position]
        position += 1
        number += (octet & 0x7F) << shift
        if octet < 0x80:
            return number, position
        shift += 7
        if shift > _MAX_SHIFT:
            raise HPACKDecodingError("a number is too long")


def _string(block: bytes, position: int) -> tuple[bytes, int]:
    """Returns the string at `position`, and where it ends."""
    huffman = block[position] & 0x80
    length, position = _number(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise HPACKDecodingError("a string is cut off")
    data = block[position:end]
    return (decode_huffman(data) if huffman else data), end
