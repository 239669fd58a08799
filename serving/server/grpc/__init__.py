"""A gRPC server without grpcio: HTTP/2 on asyncio, with handlers from bytes to bytes."""

from serving.server.grpc.transport import Call, GrpcServer, Patience, StreamHandler, UnaryHandler

__all__ = ["Call", "GrpcServer", "Patience", "StreamHandler", "UnaryHandler"]
