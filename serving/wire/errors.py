"""The errors of serving, each with its status in gRPC and in HTTP.

One class for all: clients tell errors apart by status, and the server's text is what they read.

    ServingError
    └── ClientError is in serving.client.errors, for callers
"""

from __future__ import annotations

import enum
import http

MAX_MESSAGE_BYTES = 1024
TRUNCATED = "...TRUNCATED"


class StatusCode(enum.IntEnum):
    """Status of a call, with gRPC's numbers, which are TensorFlow's too."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that TensorFlow Serving answers with for this code."""
        return _HTTP_STATUS[self]


CLIENT_CLOSED_REQUEST = 499  # nginx's, which TensorFlow Serving's server has too

_HTTP_STATUS = {
    StatusCode.OK: http.HTTPStatus.OK.value,
    StatusCode.CANCELLED: CLIENT_CLOSED_REQUEST,
    StatusCode.UNKNOWN: http.HTTPStatus.INTERNAL_SERVER_ERROR.value,
    StatusCode.INVALID_ARGUMENT: http.HTTPStatus.BAD_REQUEST.value,
    StatusCode.DEADLINE_EXCEEDED: http.HTTPStatus.GATEWAY_TIMEOUT.value,
    StatusCode.NOT_FOUND: http.HTTPStatus.NOT_FOUND.value,
    StatusCode.ALREADY_EXISTS: http.HTTPStatus.CONFLICT.value,
    StatusCode.PERMISSION_DENIED: http.HTTPStatus.FORBIDDEN.value,
    StatusCode.RESOURCE_EXHAUSTED: http.HTTPStatus.TOO_MANY_REQUESTS.value,
    StatusCode.FAILED_PRECONDITION: http.HTTPStatus.BAD_REQUEST.value,
    StatusCode.ABORTED: http.HTTPStatus.CONFLICT.value,
    StatusCode.OUT_OF_RANGE: http.HTTPStatus.BAD_REQUEST.value,
    StatusCode.UNIMPLEMENTED: http.HTTPStatus.NOT_IMPLEMENTED.value,
    StatusCode.INTERNAL: http.HTTPStatus.INTERNAL_SERVER_ERROR.value,
    StatusCode.UNAVAILABLE: http.HTTPStatus.SERVICE_UNAVAILABLE.value,
    StatusCode.DATA_LOSS: http.HTTPStatus.INTERNAL_SERVER_ERROR.value,
    StatusCode.UNAUTHENTICATED: http.HTTPStatus.UNAUTHORIZED.value,
}


class ServingError(Exception):
    """A call or a load that failed, with its status.

    Attributes:
        code: Why.
        message: What a caller reads, cut to `MAX_MESSAGE_BYTES` on the wire.
    """

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message

    @property
    def wire_message(self) -> str:
        """The message, at most `MAX_MESSAGE_BYTES` of UTF-8, its end marked where it was cut."""
        return truncated(self.message)


def truncated(message: str) -> str:
    """Returns a message cut to `MAX_MESSAGE_BYTES` of UTF-8, its end marked where it was cut."""
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return message
    kept = encoded[: MAX_MESSAGE_BYTES - len(TRUNCATED)]
    return kept.decode("utf-8", "ignore") + TRUNCATED


def invalid(message: str) -> ServingError:
    """Returns the error for a request that no server could answer."""
    return ServingError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """Returns the error for a model, version or label that is not there."""
    return ServingError(StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> ServingError:
    """Returns the error for a request that the state of the server does not allow."""
    return ServingError(StatusCode.FAILED_PRECONDITION, message)
