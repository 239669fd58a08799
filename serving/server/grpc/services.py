"""TensorFlow Serving's gRPC services over a `DataPlane`: decode, call, encode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from serving.data_plane import CallContext, DataPlane
from serving.server.grpc.transport import Call, UnaryHandler
from serving.wire import messages
from serving.wire.errors import invalid
from serving.wire.messages import MODEL_SERVICE, PREDICTION_SERVICE
from serving.wire.request_id import HEADER, request_id_from

_Answer = Callable[[Any, CallContext], Awaitable[Any]]


def handlers(plane: DataPlane) -> Mapping[str, UnaryHandler]:
    """Returns PredictionService and ModelService by method path."""
    prediction: dict[str, tuple[Any, _Answer]] = {
        "Predict": (messages.PredictRequest, plane.predict),
        "Classify": (messages.ClassificationRequest, plane.classify),
        "Regress": (messages.RegressionRequest, plane.regress),
        "MultiInference": (messages.MultiInferenceRequest, plane.multi_inference),
        "GetModelMetadata": (messages.GetModelMetadataRequest, plane.get_model_metadata),
    }
    model: dict[str, tuple[Any, _Answer]] = {
        "GetModelStatus": (messages.GetModelStatusRequest, plane.get_model_status),
        "HandleReloadConfigRequest": (messages.ReloadConfigRequest, plane.reload_config),
    }
    return {
        f"/{service}/{name}": _handler(request_type, answer)
        for service, methods in ((PREDICTION_SERVICE, prediction), (MODEL_SERVICE, model))
        for name, (request_type, answer) in methods.items()
    }


def _handler(request_type: Any, answer: _Answer) -> UnaryHandler:
    async def handle(body: bytes, call: Call) -> bytes:
        request_id = request_id_from(call.metadata.get(HEADER))
        call.response_metadata.append((HEADER, request_id))
        context = CallContext(request_id, call.deadline, request_bytes=body, headers=call.metadata)
        response = await answer(_parsed(request_type, body), context)
        encoded: bytes = context.response_bytes or response.SerializeToString()
        return encoded

    return handle


def _parsed(request_type: Any, body: bytes) -> Any:
    try:
        return request_type.FromString(body)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.name
        raise invalid(f"The request's {len(body)} bytes are no {name}: {error}") from error
