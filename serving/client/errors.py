"""The errors of a client, told apart by the status that the server gave.

    ServingError                    serving.wire.errors: `code` and `message`
    └── ClientError                 and `request_id`
        ├── InvalidRequest          INVALID_ARGUMENT, OUT_OF_RANGE; also what is refused unsent
        ├── NotFound                no such model, version or model status
        ├── FailedPrecondition      no such signature, or the model's state does not allow it
        ├── Unauthenticated         the API key is missing or wrong
        ├── PermissionDenied
        ├── ResourceExhausted       over a limit of the server, or a message over its size
        ├── Unavailable             no server reached, or it is overloaded; was retried
        ├── DeadlineExceeded        no answer within `timeout_sec`
        ├── Cancelled               the client was closed meanwhile
        └── ServerError             all others: UNKNOWN, INTERNAL, UNIMPLEMENTED, DATA_LOSS, ...

How often a call is retried is left to `serving.client.channel`.
"""

# A status is not called an error where everybody knows it by its name.
# ruff: noqa: N818

from __future__ import annotations

from typing import Any

from serving.wire.errors import ServingError, StatusCode


class ClientError(ServingError):
    """A call that failed.

    Attributes:
        code: Status that the server gave, or that the client refused the request with.
        message: The server's own text.
        request_id: The call's, to look for in the server's log; "" where nothing was sent.
    """

    def __init__(self, code: StatusCode, message: str, request_id: str = "") -> None:
        super().__init__(code, message)
        self.request_id = request_id

    def __str__(self) -> str:
        sent = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code.name}: {self.message}{sent}"

    def __reduce__(self) -> Any:
        # An exception pickles by its `args`, which hold the message only.
        return type(self), (self.code, self.message, self.request_id)


class InvalidRequest(ClientError):
    """A request, or an argument of the client, that no server could answer."""


class NotFound(ClientError):
    """The server has no such model or version, or none of it is available yet."""


class FailedPrecondition(ClientError):
    """The model has no such signature, or its state does not allow the request."""


class Unauthenticated(ClientError):
    """The server asks for an API key, and got none or a wrong one."""


class PermissionDenied(ClientError):
    """The caller may not do this."""


class ResourceExhausted(ClientError):
    """A limit of the server is reached, or a message is larger than it takes."""


class Unavailable(ClientError):
    """No server was reached, or it turned the call away; retries did not help."""


class DeadlineExceeded(ClientError):
    """There was no answer in time."""


class Cancelled(ClientError):
    """The call was given up, as the client was closed."""


class ServerError(ClientError):
    """The server failed, or does not offer what was asked for."""


_CLASSES: dict[StatusCode, type[ClientError]] = {
    StatusCode.INVALID_ARGUMENT: InvalidRequest,
    StatusCode.OUT_OF_RANGE: InvalidRequest,
    StatusCode.NOT_FOUND: NotFound,
    StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    StatusCode.UNAUTHENTICATED: Unauthenticated,
    StatusCode.PERMISSION_DENIED: PermissionDenied,
    StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    StatusCode.UNAVAILABLE: Unavailable,
    StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    StatusCode.CANCELLED: Cancelled,
}


def client_error(code: StatusCode, message: str, request_id: str = "") -> ClientError:
    """Returns the error of the class that stands for a status."""
    return _CLASSES.get(code, ServerError)(code, message, request_id)


def refused(message: str) -> InvalidRequest:
    """Returns the error for what is wrong before anything is sent."""
    return InvalidRequest(StatusCode.INVALID_ARGUMENT, message)
