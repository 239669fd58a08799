"""The faults of HTTP/2, and their codes on the wire.

    Exception
    ├── ConnectionLevelError     ends the connection, with GOAWAY
    └── StreamLevelError         ends one stream, with RST_STREAM

Both stay inside `serving.http2`: a connection turns them into frames and events.
"""

from __future__ import annotations

import enum


class ErrorCode(enum.IntEnum):
    """Why a stream or a connection ended (RFC 9113, section 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionLevelError(Exception):
    """The peer broke a rule after which the connection's state cannot be trusted.

    Attributes:
        code: What goes into GOAWAY.
        reason: What was expected and what came, in plain words.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamLevelError(Exception):
    """The peer broke a rule that concerns one stream only.

    Attributes:
        stream_id: Which stream.
        code: What goes into RST_STREAM.
        reason: What was expected and what came, in plain words.
    """

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.stream_id = stream_id
        self.code = code
        self.reason = reason
