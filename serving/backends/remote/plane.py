"""Answers requests by asking a TensorFlow Serving, over gRPC.

It adds nothing to a request and takes nothing away: codes and texts of errors come back as they
are. What this server adds to the one behind (log, limits, metrics, REST, keys) is for
`serving.server`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from serving.data_plane import CallContext, with_inputs
from serving.wire import inference, messages
from serving.wire.errors import ServingError, StatusCode, invalid
from serving.wire.messages import MODEL_SERVICE, PREDICTION_SERVICE
from serving.wire.request_id import HEADER

SCHEME = "grpc://"

# A signature of "the latest version" is asked for again after this time: JSON is then read as the
# new version's signature wants it.
SIGNATURE_LIFETIME_SEC = 5.0
PROBE_TIMEOUT_SEC = 5.0

_AVAILABLE = 30  # ModelVersionStatus.State.AVAILABLE

_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A name may stand for several replicas.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
]


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    version: int
    signatures: Any
    expires: float


class RemotePlane:
    """A `DataPlane` in front of a TensorFlow Serving. To be made in a running event loop.

    Args:
        url: `grpc://host:port`.
        models: Those that have to be available there before this server is ready.
        clock: Seconds, never going back, as deadlines count them.

    Raises:
        ServingError: The URL is no such one; INVALID_ARGUMENT.
    """

    def __init__(self, url: str, *, models: Sequence[str], clock: Callable[[], float]) -> None:
        self._channel = grpc.aio.insecure_channel(_target(url), options=_CHANNEL_OPTIONS)
        self._url = url
        self._models = tuple(models)
        self._clock = clock
        self._signatures: dict[bytes, _Known] = {}
        prediction, model = PREDICTION_SERVICE, MODEL_SERVICE
        self._predict = self._method(prediction, "Predict", messages.PredictResponse)
        self._classify = self._method(prediction, "Classify", messages.ClassificationResponse)
        self._regress = self._method(prediction, "Regress", messages.RegressionResponse)
        self._multi = self._method(prediction, "MultiInference", messages.MultiInferenceResponse)
        self._metadata = self._method(
            prediction, "GetModelMetadata", messages.GetModelMetadataResponse
        )
        self._status = self._method(model, "GetModelStatus", messages.GetModelStatusResponse)
        self._reload = self._method(
            model, "HandleReloadConfigRequest", messages.ReloadConfigResponse
        )

    async def predict(self, request: Any, context: CallContext) -> Any:
        """Answers a PredictRequest with a PredictResponse."""
        return await self._ask(self._predict, with_inputs(request, context), context)

    async def classify(self, request: Any, context: CallContext) -> Any:
        """Answers a ClassificationRequest with a ClassificationResponse."""
        return await self._ask(self._classify, request, context)

    async def regress(self, request: Any, context: CallContext) -> Any:
        """Answers a RegressionRequest with a RegressionResponse."""
        return await self._ask(self._regress, request, context)

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        """Answers a MultiInferenceRequest with a MultiInferenceResponse."""
        return await self._ask(self._multi, request, context)

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelMetadataRequest with a GetModelMetadataResponse."""
        return await self._ask(self._metadata, request, context)

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse."""
        return await self._ask(self._status, request, context)

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        """Answers a ReloadConfigRequest with a ReloadConfigResponse."""
        self._signatures.clear()
        return await self._ask(self._reload, request, context)

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        """Returns the version that a ModelSpec meant a moment ago, and its SignatureDef."""
        known = await self._known(model_spec)
        name = inference.signature_name(model_spec)
        if name not in known.signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return known.version, known.signatures[name]

    async def ready(self) -> bool:
        """Returns whether the server behind answers, and has the models that it should have."""
        if not self._models:
            return await self._reachable()
        statuses = await asyncio.gather(*map(self._available, self._models))
        return all(statuses)

    async def close(self) -> None:
        """Closes the connection; calls that wait fail."""
        await self._channel.close()

    def _method(self, service: str, name: str, response_type: Any) -> Any:
        return self._channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response_type.FromString,
        )

    async def _ask(self, method: Any, request: Any, context: CallContext) -> Any:
        left = None if context.deadline is None else max(context.deadline - self._clock(), 0)
        try:
            return await method(request, timeout=left, metadata=[(HEADER, context.request_id)])
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error

    def _translated(self, error: grpc.aio.AioRpcError) -> ServingError:
        code = StatusCode(error.code().value[0])
        text = error.details() or ""
        if code == StatusCode.UNAVAILABLE:
            text = f"The model server at {self._url} does not answer: {text}"
        return ServingError(code, text)

    async def _known(self, model_spec: Any) -> _Known:
        asked = messages.ModelSpec()
        asked.CopyFrom(model_spec)
        asked.ClearField("signature_name")
        key = asked.SerializeToString()
        found = self._signatures.get(key)
        if found and found.expires > self._clock():
            return found
        request = messages.GetModelMetadataRequest(
            model_spec=asked, metadata_field=["signature_def"]
        )
        deadline = self._clock() + PROBE_TIMEOUT_SEC
        response = await self._ask(self._metadata, request, CallContext("signature", deadline))
        signatures = messages.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        found = _Known(
            version=response.model_spec.version.value,
            signatures=signatures.signature_def,
            expires=self._clock() + SIGNATURE_LIFETIME_SEC,
        )
        self._signatures[key] = found
        return found

    async def _reachable(self) -> bool:
        try:
            await asyncio.wait_for(self._channel.channel_ready(), PROBE_TIMEOUT_SEC)
        except TimeoutError:
            return False
        return True

    async def _available(self, model: str) -> bool:
        request = messages.GetModelStatusRequest(model_spec={"name": model})
        try:
            response = await self._ask(
                self._status, request, CallContext("ready", self._clock() + PROBE_TIMEOUT_SEC)
            )
        except ServingError:
            return False
        return any(status.state == _AVAILABLE for status in response.model_version_status)


def _target(url: str) -> str:
    target = url.removeprefix(SCHEME)
    if target == url or not target:
        raise invalid(f"A backend is named as grpc://host:port, but {url!r} was given.")
    return f"dns:///{target}"
