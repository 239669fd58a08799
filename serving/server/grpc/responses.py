"""The header blocks of responses.

Those of a call that goes well are constants. When they are sent is left to
`serving.server.grpc.calls`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from serving.http2.blocks import Fields
from serving.http2.headers import encoded
from serving.server.grpc.framing import ENCODINGS, base64_value, percent_encoded
from serving.wire.errors import StatusCode, truncated

INITIAL = encoded(
    [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-accept-encoding", ",".join(ENCODINGS).encode()),
    ]
)
OK_TRAILERS = encoded([(b"grpc-status", b"0")])

_KEY = re.compile(r"[0-9a-z_.\-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_HTTP_TEXT = {405: [(b"allow", b"POST")], 415: [(b"accept", b"application/grpc")]}


def initial(metadata: Sequence[tuple[str, str | bytes]]) -> bytes:
    """Returns the first header block, with a handler's metadata.

    Raises:
        ValueError: A key or a value cannot be sent.
    """
    if not metadata:
        return INITIAL
    return INITIAL + encoded(_field(key, value) for key, value in metadata)


def trailers(code: int, message: str) -> bytes:
    """Returns the header block after a body."""
    return encoded(_status(code, message))


def trailers_only(code: int, message: str) -> bytes:
    """Returns the one header block of a response without a body."""
    return INITIAL + encoded(_status(code, message))


def http_error(status: int) -> bytes:
    """Returns the one header block for a request that is not gRPC."""
    code = StatusCode.UNIMPLEMENTED if status == 405 else StatusCode.UNKNOWN
    fields = [(b":status", str(status).encode()), *_HTTP_TEXT.get(status, [])]
    return encoded(fields + _status(code, f"HTTP status {status}"))


def _status(code: int, message: str) -> Fields:
    fields = [(b"grpc-status", b"%d" % code)]
    if message:
        fields.append((b"grpc-message", percent_encoded(truncated(message))))
    return fields


def _field(key: str, value: str | bytes) -> tuple[bytes, bytes]:
    if not _KEY.fullmatch(key) or key.startswith("grpc-"):
        raise ValueError(f"metadata key {key!r}; expected lower case, and not grpc-")
    if key.endswith("-bin"):
        return key.encode(), base64_value(value.encode() if isinstance(value, str) else value)
    if isinstance(value, bytes) or not _VALUE.fullmatch(value):
        raise ValueError(f"metadata {key!r} is {value!r}; expected printable ASCII")
    return key.encode(), value.encode()
