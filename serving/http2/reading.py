"""From a stream of bytes to whole frames.

Checks the preface and the size of frames; their order and meaning are left to
`serving.http2.incoming`.
"""

from __future__ import annotations

from collections.abc import Iterator

from serving.http2 import frames
from serving.http2.errors import ConnectionLevelError, ErrorCode

Frame = tuple[int, int, int, bytes]

_unpack_header = frames.HEADER.unpack_from


class FrameReader:
    """Cuts what a client sends into frames.

    Args:
        max_frame_bytes: Largest payload that is accepted. At most one frame of that size, and one
            chunk, is held back.
    """

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._chunks: list[bytes] = []
        self._held = 0
        self._needed = len(frames.PREFACE)
        self.preface_seen = False

    @property
    def in_frame(self) -> bool:
        """Whether a frame, or the preface, has begun and not ended."""
        return self._held > 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yields (type, flags, stream, payload) of each frame that `data` completes.

        Raises:
            ConnectionLevelError: Not the preface of HTTP/2, or a frame over the limit.
        """
        data = self._joined(data)
        if not data:
            return
        position = 0
        if not self.preface_seen:
            position = self._skip_preface(data)
            if not position:
                return
        yield from self._frames(data, position)

    def _frames(self, data: bytes, position: int) -> Iterator[Frame]:
        size = len(data)
        needed = frames.HEADER_BYTES
        while size - position >= frames.HEADER_BYTES:
            word, flags, stream_id = _unpack_header(data, position)
            length = word >> 8
            if length > self._max_frame_bytes:
                reason = f"a frame of {length} bytes; at most {self._max_frame_bytes} are accepted"
                raise ConnectionLevelError(ErrorCode.FRAME_SIZE_ERROR, reason)
            start = position + frames.HEADER_BYTES
            if start + length > size:
                needed = frames.HEADER_BYTES + length
                break
            position = start + length
            yield word & 0xFF, flags, stream_id & frames.STREAM_MASK, data[start:position]
        self._hold(data[position:], needed)

    def _joined(self, data: bytes) -> bytes:
        """Returns all that was held back and `data`, or nothing when a frame is incomplete yet."""
        if self._held == 0 and self.preface_seen:
            return data
        self._chunks.append(data)
        self._held += len(data)
        # Chunks are joined once per frame, not once per chunk, so large frames cost linear time.
        if self._held < self._needed and self.preface_seen:
            return b""
        data = b"".join(self._chunks)
        self._hold(b"", 0)
        return data

    def _hold(self, data: bytes, needed: int) -> None:
        self._chunks = [data] if data else []
        self._held = len(data)
        self._needed = needed

    def _skip_preface(self, data: bytes) -> int:
        # A wrong first byte is told at once: an HTTP/1.1 client would wait for ever.
        if not data.startswith(frames.PREFACE[: len(data)]):
            reason = "expected the connection preface of HTTP/2 (a gRPC client sends it)"
            raise ConnectionLevelError(ErrorCode.PROTOCOL_ERROR, reason)
        if len(data) < len(frames.PREFACE):
            self._hold(data, len(frames.PREFACE))
            return 0
        self.preface_seen = True
        return len(frames.PREFACE)
