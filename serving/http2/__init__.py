"""A sans-IO HTTP/2 connection for servers of gRPC."""

from serving.http2.connection import Connection
from serving.http2.errors import ErrorCode
from serving.http2.events import (
    ConnectionFailed,
    DataReceived,
    DrainAnswered,
    PeerLeaving,
    RequestReceived,
    StreamReset,
)
from serving.http2.limits import Limits
from serving.http2.requests import MalformedRequestError

__all__ = [
    "Connection",
    "ConnectionFailed",
    "DataReceived",
    "DrainAnswered",
    "ErrorCode",
    "Limits",
    "MalformedRequestError",
    "PeerLeaving",
    "RequestReceived",
    "StreamReset",
]
