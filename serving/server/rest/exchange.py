"""One request as it came over a connection, and what may end it before its answer.

What it means is for `serving.server.rest.app`, its bytes for `serving.server.rest.connection`.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping

from serving.server.rest.bodies import Body

Headers = Mapping[bytes, bytes]


class Stop(enum.Enum):
    """Why an exchange was stopped."""

    GONE = "the client left"
    LATE = "it took longer than allowed"


class Exchange:
    """A request, at first without its body.

    Attributes:
        method: In capitals.
        path: As sent, percent-encoded, without the query.
        headers: The last of each name, names in small letters.
        body: What follows the head.
        request_id: Joins the answer and the log; "" until it is known.
        task: Answers it; None until its turn.
        stopped: Why the task was cancelled, None where nobody but the server itself did.
    """

    __slots__ = ("body", "headers", "method", "path", "request_id", "stopped", "task")

    def __init__(self, method: str, path: str, headers: Headers, body: Body) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.request_id = ""
        self.task: asyncio.Task[None] | None = None
        self.stopped: Stop | None = None

    def stop(self, reason: Stop) -> None:
        """Cancels the task; the first reason counts, save that a client that left stays away."""
        if self.task is None or self.task.done():
            return
        if self.stopped is None or reason is Stop.GONE:
            self.stopped = reason
            self.task.cancel()
