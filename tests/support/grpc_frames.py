"""A client's half of HTTP/2, written from the RFC and hpack's encoder, not from our own frames."""

from __future__ import annotations

import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITIZED, ACK = 1, 4, 8, 32, 1

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Service/Echo"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def greeting(*pairs: tuple[int, int]) -> bytes:
    return PREFACE + settings(*pairs)


def block(fields: list[tuple[str, str]]) -> bytes:
    """A block that leaves the dynamic table alone."""
    return hpack.Encoder().encode(
        [hpack.NeverIndexedHeaderTuple(*field) for field in fields], huffman=False
    )


def headers(stream: int, fields: list[tuple[str, str]] | None = None, flags: int = 0) -> bytes:
    chosen = REQUEST if fields is None else fields
    return frame(HEADERS, END_HEADERS | flags, stream, block(chosen))


def data(stream: int, body: bytes, flags: int = 0) -> bytes:
    return frame(DATA, flags, stream, body)


def message(body: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(body)) + body


def window(stream: int, increment: int) -> bytes:
    return frame(WINDOW, 0, stream, struct.pack(">I", increment))


def reset(stream: int, code: int = 8) -> bytes:
    return frame(RST, 0, stream, struct.pack(">I", code))


def request(stream: int, body: bytes = b"hello") -> bytes:
    return headers(stream) + data(stream, message(body), END_STREAM)


def changed(**fields: str | None) -> list[tuple[str, str]]:
    """REQUEST with some fields changed, left out (None) or added; `_` stands for `:` or `-`."""
    names = {name.replace(":", "_").replace("-", "_"): name for name, _ in REQUEST}
    result = [(name, value) for name, value in REQUEST if _key(name) not in fields]
    for key, value in fields.items():
        if value is not None:
            name = names.get(key, key.replace("_", "-"))
            result.insert(0 if name.startswith(":") else len(result), (name, value))
    return result


def _key(name: str) -> str:
    return name.replace(":", "_").replace("-", "_")


def split(output: bytes) -> list[tuple[int, int, int, bytes]]:
    """The frames (type, flags, stream, payload) of a server's output."""
    frames = []
    while output:
        length = int.from_bytes(output[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", output[3:9])
        assert len(output) >= 9 + length, "the output ends within a frame"
        frames.append((kind, flags, stream, output[9 : 9 + length]))
        output = output[9 + length :]
    return frames
