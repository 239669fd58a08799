"""The health service of gRPC, `grpc.health.v1.Health`: Check and Watch.

Its messages are those of the `grpc_health` package. Which services are healthy is decided by the
owner, who calls `Health.set`.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from serving.server.grpc.calls import Call, StreamHandler, UnaryHandler
from serving.wire.errors import ServingError, StatusCode, invalid

SERVICE_NAME = "grpc.health.v1.Health"

_Response = health_pb2.HealthCheckResponse


class Health:
    """The health of a server and of its services; "" is the server as a whole.

    It belongs to one event loop. A service is unknown until it is set.
    """

    def __init__(self) -> None:
        self._serving: dict[str, bool] = {}
        self._watchers: set[asyncio.Event] = set()
        self._closed = False

    @property
    def unary(self) -> Mapping[str, UnaryHandler]:
        """Handlers for `GrpcServer`."""
        return {f"/{SERVICE_NAME}/Check": self._check}

    @property
    def streams(self) -> Mapping[str, StreamHandler]:
        """Handlers for `GrpcServer`."""
        return {f"/{SERVICE_NAME}/Watch": self._watch}

    def set(self, service: str, *, serving: bool) -> None:
        """Sets whether a service can be called; watchers are told of changes.

        Args:
            service: Full name of a service, or "" for the server.
            serving: Whether it can.
        """
        if not self._closed:
            self._serving[service] = serving
            self._tell()

    def close(self) -> None:
        """Sets everything to not serving, for good: the server is about to go away.

        Watches end, so that they do not hold up a server that waits for its calls.
        """
        self._closed = True
        self._serving = dict.fromkeys(self._serving, False)
        self._tell()

    async def _check(self, message: bytes, call: Call) -> bytes:
        service = _service_of(message)
        if service not in self._serving:
            raise ServingError(StatusCode.NOT_FOUND, f"unknown service {service!r}")
        return self._response(service)

    async def _watch(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        service = _service_of(await _only(requests))
        changed = asyncio.Event()
        self._watchers.add(changed)
        last = b""
        try:
            while True:
                changed.clear()
                response = self._response(service)
                if response != last:
                    last = response
                    yield response
                if self._closed:
                    return
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _response(self, service: str) -> bytes:
        serving = self._serving.get(service)
        status = {
            True: _Response.SERVING,
            False: _Response.NOT_SERVING,
            None: _Response.SERVICE_UNKNOWN,
        }[serving]
        return _Response(status=status).SerializeToString()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed.set()


async def _only(requests: AsyncIterator[bytes]) -> bytes:
    async for message in requests:
        return message
    raise ServingError(StatusCode.INTERNAL, "Watch takes one message; received none")


def _service_of(message: bytes) -> str:
    try:
        return health_pb2.HealthCheckRequest.FromString(message).service
    except DecodeError as error:
        raise invalid("The request is not a grpc.health.v1.HealthCheckRequest") from error
