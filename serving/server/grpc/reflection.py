"""Server reflection, v1 and v1alpha: which services there are, and the descriptors of their types.

The answers are those of the `grpc_reflection` package. The two versions differ in the name of their
service only, so one handler serves both.
Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection, reflection_pb2

from serving.server.grpc.calls import Call, StreamHandler
from serving.wire.errors import ServingError, StatusCode

SERVICE_NAMES = (
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)


class Reflection:
    """Answers questions about the services of a server.

    Args:
        services: Full names of the services to list; reflection lists itself as well.
        pool: Holds their descriptors.
    """

    def __init__(self, services: Iterable[str], pool: DescriptorPool) -> None:
        names = sorted({*services, *SERVICE_NAMES})
        self._servicer = reflection.ReflectionServicer(names, pool=pool)

    @property
    def streams(self) -> Mapping[str, StreamHandler]:
        """Handlers for `GrpcServer`."""
        return {f"/{name}/ServerReflectionInfo": self._answer for name in SERVICE_NAMES}

    async def _answer(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for message in requests:
            request = _parsed(message)
            for response in self._servicer.ServerReflectionInfo(iter((request,)), None):
                response.original_request.CopyFrom(request)
                response.valid_host = request.host
                yield response.SerializeToString()


def _parsed(message: bytes) -> reflection_pb2.ServerReflectionRequest:
    try:
        return reflection_pb2.ServerReflectionRequest.FromString(message)
    except DecodeError as error:
        raise ServingError(
            StatusCode.INTERNAL, "The request is not a ServerReflectionRequest"
        ) from error
