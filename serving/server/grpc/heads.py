"""What the header fields of a request say to a gRPC server.

The result depends on the fields alone, so it is kept with a header block that comes again. Whether
the method exists and the caller may call it is left to `serving.server.grpc.protocol`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from serving.http2.blocks import Fields
from serving.server.grpc.framing import ENCODINGS, binary_value, timeout_sec
from serving.wire.errors import ServingError, StatusCode

_CONTENT_TYPE = b"application/grpc"
_NOT_METADATA = frozenset((b"te", b"content-type", b"content-length"))
_MOST_SECONDS = 10.0 * 365 * 24 * 3600  # longer timeouts would overflow a timer


@dataclass(frozen=True, slots=True)
class Head:
    """One request's header fields, understood.

    Attributes:
        method: Path of the method, `/package.Service/Method`.
        metadata: What the caller adds, by lower-case key; values of repeated keys are joined by a
            comma, those of `-bin` keys are decoded.
        timeout_sec: How long the caller waits; None for ever.
        encoding: How compressed messages are compressed.
        http_refusal: HTTP status to answer with when this is no gRPC request.
        refusal: gRPC error to answer with when the request cannot be read.
    """

    method: str
    metadata: Mapping[str, str | bytes]
    timeout_sec: float | None = None
    encoding: str = "identity"
    http_refusal: int | None = None
    refusal: ServingError | None = None


def head_of(fields: Fields) -> Head:
    """Returns what valid fields of an HTTP/2 request say."""
    values = _joined(fields)
    path = values.get(b":path", b"").decode("latin-1")
    if values.get(b":method") != b"POST":
        return Head(path, {}, http_refusal=405)
    if not _is_grpc(values.get(b"content-type", b"")):
        return Head(path, {}, http_refusal=415)
    try:
        return Head(
            method=path,
            metadata=MappingProxyType(_metadata(values)),
            timeout_sec=_timeout(values.get(b"grpc-timeout")),
            encoding=_encoding(values.get(b"grpc-encoding", b"identity")),
        )
    except ServingError as error:
        return Head(path, {}, refusal=error)


def _joined(fields: Fields) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for name, value in fields:
        values[name] = values[name] + b"," + value if name in values else value
    return values


def _is_grpc(content_type: bytes) -> bool:
    rest = content_type[len(_CONTENT_TYPE) :]
    return content_type.startswith(_CONTENT_TYPE) and (not rest or rest[:1] in b"+;")


def _timeout(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        return min(timeout_sec(value), _MOST_SECONDS)
    except ValueError as error:
        raise ServingError(StatusCode.INTERNAL, str(error)) from error


def _encoding(value: bytes) -> str:
    name = value.decode("latin-1")
    if name not in ENCODINGS:
        raise ServingError(
            StatusCode.UNIMPLEMENTED,
            f"grpc-encoding {name!r} is not supported; expected one of {', '.join(ENCODINGS)}",
        )
    return name


def _metadata(values: Mapping[bytes, bytes]) -> dict[str, str | bytes]:
    metadata: dict[str, str | bytes] = {}
    for name, value in values.items():
        if name.startswith((b":", b"grpc-")) or name in _NOT_METADATA:
            continue
        key = name.decode("ascii")
        metadata[key] = _binary(key, value) if key.endswith("-bin") else _text(value)
    return metadata


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip(" ")


def _binary(key: str, value: bytes) -> bytes:
    try:
        return binary_value(value)
    except ValueError as error:
        raise ServingError(
            StatusCode.INTERNAL, f"The value of {key!r} is not base64: {error}"
        ) from error
