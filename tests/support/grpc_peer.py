"""A client on a plain socket, which can do what no well-behaved client does."""

from __future__ import annotations

import socket
import struct

import grpc_frames as wire
import hpack


class Peer:
    """A connection to a server.

    Attributes:
        socket: The socket.
        frames: All frames that came, (type, flags, stream, payload).
    """

    def __init__(self, port: int, *settings: tuple[int, int], greet: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.frames: list[tuple[int, int, int, bytes]] = []
        self._decoder = hpack.Decoder()
        self._rest = b""
        if greet:
            self.send(wire.greeting(*settings))

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def abort(self) -> None:
        """Closes with a reset of the TCP connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def next(self) -> tuple[int, int, int, bytes]:
        """Reads one frame; raises EOFError when the server has closed."""
        while len(self._rest) < 9 or len(self._rest) < 9 + int.from_bytes(self._rest[:3], "big"):
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise EOFError
            self._rest += chunk
        end = 9 + int.from_bytes(self._rest[:3], "big")
        [frame] = wire.split(self._rest[:end])
        self._rest = self._rest[end:]
        self.frames.append(frame)
        return frame

    def response(self, stream: int) -> tuple[dict[str, str], bytes]:
        """Reads until a stream has ended; returns all header fields, trailers too, and the body."""
        fields: dict[str, str] = {}
        body = b""
        while True:
            kind, flags, number, payload = self.next()
            if kind == wire.HEADERS:
                # Decoded in any case: later blocks may refer to this one.
                for name, value in self._decoder.decode(payload, raw=True):
                    if number == stream:
                        fields[name.decode()] = value.decode()
            if kind == wire.DATA and number == stream:
                body += payload
            if number == stream and kind in (wire.HEADERS, wire.DATA) and flags & wire.END_STREAM:
                return fields, body

    def read_to_end(self) -> None:
        """Reads until the server closes."""
        try:
            while True:
                self.next()
        except (EOFError, ConnectionResetError):
            return
