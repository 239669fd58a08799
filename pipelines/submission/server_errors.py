"""What can go wrong between us and a Kubeflow server.

    ServerError                 it refused, with its own words
    ├── UnreachableError        no answer, or one that says nothing of the request: try again
    │   └── AnswerLostError     it may have done what was asked
    ├── NoAccessError           401 or 403
    └── NotThereError           404

How often something is tried again is left to `server` and `watching`.
"""

from __future__ import annotations

from pipelines.errors import RingwayError


class ServerError(RingwayError):
    """The server refused a request.

    Attributes:
        status: Its HTTP status; 0 where there was none.
    """

    def __init__(self, message: str, *, status: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class UnreachableError(ServerError):
    """No answer, or one from something in front of the server; trying again may help."""


class AnswerLostError(UnreachableError):
    """A request that changes something was sent, and how it ended is not known."""


class NoAccessError(ServerError):
    """The server does not know who asks (401), or does not allow it (403)."""


class NotThereError(ServerError):
    """What was asked for does not exist."""
