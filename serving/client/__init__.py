"""Asks model servers for predictions, without TensorFlow: NumPy in, NumPy out.

    with Client("127.0.0.1:8500") as client:
        trip = {"fare": 12.5, "trip_miles": 3.0, "payment_type": "Cash"}
        when = {"trip_start_hour": 19, "trip_start_day": 6, "trip_start_month": 5}
        print(client.predict("taxi", examples=[{**trip, **when}]).outputs["outputs"])

Works with Ringway's server and with TensorFlow Serving. `AsyncClient` is the same for asyncio.
"""

from serving.client.answers import (
    Classification,
    Metadata,
    Prediction,
    Regression,
    ScoredClass,
    VersionStatus,
)
from serving.client.asynchronous import AsyncClient
from serving.client.blocking import Client
from serving.client.channel import Tls
from serving.client.errors import (
    Cancelled,
    ClientError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServerError,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "AsyncClient",
    "Cancelled",
    "Classification",
    "Client",
    "ClientError",
    "DeadlineExceeded",
    "FailedPrecondition",
    "InvalidRequest",
    "Metadata",
    "NotFound",
    "PermissionDenied",
    "Prediction",
    "Regression",
    "ResourceExhausted",
    "ScoredClass",
    "ServerError",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "VersionStatus",
]
