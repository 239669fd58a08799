"""The layout of HTTP/2 frames: constants, writers, and readers of payloads.

What a frame means for a stream or a connection is left to `serving.http2.incoming`.
Source: RFC 9113, sections 4 and 6.
"""

from __future__ import annotations

import struct

from serving.http2.errors import ConnectionLevelError, ErrorCode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
MAX_WINDOW = 2**31 - 1
MAX_STREAM_ID = 2**31 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_BYTES = 16_384
MAX_FRAME_BYTES = 2**24 - 1

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6

# Length and type are read as one word, so that one unpacking gives the whole header.
HEADER = struct.Struct(">IBI")
_SETTING = struct.Struct(">HI")
_WORD = struct.Struct(">I")
_GOAWAY = struct.Struct(">II")
_PRIORITY_BYTES = 5
STREAM_MASK = 0x7FFF_FFFF

pack_header = HEADER.pack


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Returns one frame; the payload's length must fit the peer's limit."""
    return pack_header(len(payload) << 8 | kind, flags, stream_id) + payload


def settings_frame(pairs: list[tuple[int, int]]) -> bytes:
    """Returns a SETTINGS frame of (identifier, value) pairs."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in pairs))


def reset_frame(stream_id: int, code: int) -> bytes:
    """Returns RST_STREAM."""
    return frame(RST_STREAM, 0, stream_id, _WORD.pack(code))


def window_frame(stream_id: int, increment: int) -> bytes:
    """Returns WINDOW_UPDATE; `stream_id` 0 is the connection, `increment` is at least 1."""
    return frame(WINDOW_UPDATE, 0, stream_id, _WORD.pack(increment))


def goaway_frame(last_stream_id: int, code: int, reason: str = "") -> bytes:
    """Returns GOAWAY, with the reason as its debug data."""
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code) + reason.encode()[:256])


def word(payload: bytes) -> int:
    """Returns the first four bytes as an unsigned number."""
    value: int = _WORD.unpack_from(payload)[0]
    return value


def settings_pairs(payload: bytes) -> list[tuple[int, int]]:
    """Returns the (identifier, value) pairs of a SETTINGS payload, in order.

    Raises:
        ConnectionLevelError: The length is not a multiple of six.
    """
    if len(payload) % _SETTING.size:
        raise ConnectionLevelError(
            ErrorCode.FRAME_SIZE_ERROR,
            f"SETTINGS of {len(payload)} bytes; expected a multiple of {_SETTING.size}",
        )
    return list(_SETTING.iter_unpack(payload))


def unpadded(flags: int, payload: bytes) -> bytes:
    """Returns the payload of DATA or HEADERS without its padding.

    Raises:
        ConnectionLevelError: The padding is as long as the payload, or longer.
    """
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionLevelError(
            ErrorCode.FRAME_SIZE_ERROR, "a padded frame without a pad length"
        )
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionLevelError(
            ErrorCode.PROTOCOL_ERROR, f"{padding} bytes of padding in {len(payload)} of payload"
        )
    return payload[1 : len(payload) - padding]


def without_priority(flags: int, payload: bytes) -> tuple[bytes, int | None]:
    """Returns the header block of HEADERS, and the stream it depends on, if it says so.

    Raises:
        ConnectionLevelError: The payload is shorter than the priority fields it announces.
    """
    if not flags & PRIORITY_FLAG:
        return payload, None
    if len(payload) < _PRIORITY_BYTES:
        raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    return payload[_PRIORITY_BYTES:], word(payload) & STREAM_MASK
