"""How gRPC puts messages, timeouts, statuses and binary metadata into HTTP/2.

    message    a byte that tells whether it is compressed, its length in four bytes, its bytes
    timeout    at most eight digits and a unit: `250m` is 250 milliseconds
    status     `grpc-status: 5` and `grpc-message: no%20model`, after the body

Who sends what when is left to `serving.server.grpc.calls`.
Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import binascii
import re
import struct
import urllib.parse
import zlib
from collections.abc import Mapping

from serving.wire.errors import ServingError, StatusCode

PREFIX_BYTES = 5
ENCODINGS = ("identity", "deflate", "gzip")

_PREFIX = struct.Struct(">BI")
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Mapping[bytes, float] = {
    b"H": 3600.0,
    b"M": 60.0,
    b"S": 1.0,
    b"m": 1e-3,
    b"u": 1e-6,
    b"n": 1e-9,
}
# zlib's window bits: 31 reads a gzip header, 15 a zlib one, which HTTP calls deflate.
_WINDOW_BITS = {"gzip": 31, "deflate": 15}
# Everything printable but the percent sign stands for itself.
_UNQUOTED = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

pack_prefix = _PREFIX.pack


def framed(message: bytes) -> bytes:
    """Returns a message with its prefix, not compressed."""
    return pack_prefix(0, len(message)) + message


def whole_message(data: bytes, max_bytes: int) -> bytes | None:
    """Returns the message when `data` is exactly one, neither compressed nor over `max_bytes`."""
    size = len(data) - PREFIX_BYTES
    if size < 0 or size > max_bytes:
        return None
    compressed, length = _PREFIX.unpack_from(data)
    if compressed or length != size:
        return None
    return data[PREFIX_BYTES:]


class MessageReader:
    """Cuts the body of a request into messages.

    Args:
        max_bytes: Largest message, in bytes as they are sent.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: list[bytes] = []
        self._held = 0
        self._needed = PREFIX_BYTES

    @property
    def in_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._held > 0

    def feed(self, data: bytes) -> list[tuple[bool, bytes]]:
        """Returns the messages that `data` completes, and whether each is compressed.

        Raises:
            ServingError: RESOURCE_EXHAUSTED when a message is announced that is over the limit,
                INTERNAL when the prefix is not gRPC's.
        """
        self._chunks.append(data)
        self._held += len(data)
        if self._held < self._needed:
            return []
        return self._cut(b"".join(self._chunks) if len(self._chunks) > 1 else data)

    def _cut(self, data: bytes) -> list[tuple[bool, bytes]]:
        messages = []
        position = 0
        self._needed = PREFIX_BYTES
        while len(data) - position >= PREFIX_BYTES:
            compressed, length = self._prefix(data, position)
            end = position + PREFIX_BYTES + length
            if end > len(data):
                self._needed = PREFIX_BYTES + length
                break
            messages.append((compressed, data[position + PREFIX_BYTES : end]))
            position = end
        rest = data[position:]
        self._chunks = [rest] if rest else []
        self._held = len(rest)
        return messages

    def _prefix(self, data: bytes, position: int) -> tuple[bool, int]:
        compressed, length = _PREFIX.unpack_from(data, position)
        if compressed > 1:
            raise ServingError(
                StatusCode.INTERNAL,
                f"A message begins with the byte {compressed}; expected 0, or 1 for compressed",
            )
        if length > self._max_bytes:
            raise too_large(length, self._max_bytes)
        return bool(compressed), length


def too_large(size: int, limit: int) -> ServingError:
    """Returns the error for a message over the limit, in the words of gRPC's C++ server."""
    return ServingError(
        StatusCode.RESOURCE_EXHAUSTED, f"Received message larger than max ({size} vs. {limit})"
    )


def decompressed(message: bytes, encoding: str, max_bytes: int) -> bytes:
    """Returns a message as it was before compression, and never more than `max_bytes`.

    Raises:
        ServingError: RESOURCE_EXHAUSTED when it is over the limit, INTERNAL when it is not what
            `encoding` says.
    """
    if encoding == "identity":
        raise ServingError(
            StatusCode.INTERNAL, "A message is marked as compressed; grpc-encoding names no method"
        )
    inflater = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = inflater.decompress(message, max_bytes + 1)
    except zlib.error as error:
        raise ServingError(StatusCode.INTERNAL, f"A message is not {encoding}: {error}") from error
    if len(plain) > max_bytes:
        raise too_large(len(plain), max_bytes)
    if not inflater.eof:
        raise ServingError(StatusCode.INTERNAL, f"A message in {encoding} ends too early")
    return plain


def timeout_sec(value: bytes) -> float:
    """Returns the seconds that a `grpc-timeout` stands for.

    Raises:
        ValueError: It is malformed.
    """
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        raise ValueError(f"grpc-timeout is {value!r}; expected up to 8 digits and one of HMSmun")
    return int(match[1]) * _SECONDS[match[2]]


def percent_encoded(message: str) -> bytes:
    """Returns a status message as `grpc-message` carries it."""
    return urllib.parse.quote(message, safe=_UNQUOTED, errors="replace").encode("ascii")


def binary_value(value: bytes) -> bytes:
    """Returns what the value of a `-bin` key stands for; several are joined by a comma.

    Raises:
        ValueError: It is not base64.
    """
    return b",".join(_unbase64(part) for part in value.split(b","))


def _unbase64(value: bytes) -> bytes:
    value = value.strip(b" ")
    # Padding is optional in gRPC.
    return binascii.a2b_base64(value.rstrip(b"=") + b"=" * (-len(value.rstrip(b"=")) % 4))


def base64_value(value: bytes) -> bytes:
    """Returns the value of a `-bin` key, without padding."""
    return binascii.b2a_base64(value, newline=False).rstrip(b"=")
