"""A small DataPlane that really computes: doubles numbers, and fails where it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

from serving.data_plane import CallContext
from serving.wire import tensors
from serving.wire.errors import not_found
from serving.wire.messages import (
    ClassificationResponse,
    GetModelMetadataResponse,
    GetModelStatusResponse,
    MultiInferenceResponse,
    PredictResponse,
    RegressionResponse,
    ReloadConfigResponse,
)

MODEL = "double"
VERSION = 3


class PlainPlane:
    """Doubles what it is sent as `x`; regresses each example to 1.5.

    Attributes:
        gate: Calls wait for it; set from the beginning.
        seen: The contexts of the calls so far.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.seen: list[CallContext] = []

    async def predict(self, request: Any, context: CallContext) -> Any:
        await self._enter(request.model_spec, context)
        response = PredictResponse()
        _resolve(response.model_spec, request.model_spec)
        array = tensors.to_array(request.inputs["x"])
        tensors.fill(response.outputs["y"], array * 2)
        return response

    async def classify(self, request: Any, context: CallContext) -> Any:
        await self._enter(request.model_spec, context)
        response = ClassificationResponse()
        _resolve(response.model_spec, request.model_spec)
        for _ in request.input.example_list.examples:
            response.result.classifications.add().classes.add(label="a", score=1)
        return response

    async def regress(self, request: Any, context: CallContext) -> Any:
        await self._enter(request.model_spec, context)
        response = RegressionResponse()
        _resolve(response.model_spec, request.model_spec)
        for _ in request.input.example_list.examples:
            response.result.regressions.add(value=1.5)
        return response

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        await self._enter(request.tasks[0].model_spec, context)
        response = MultiInferenceResponse()
        _resolve(response.results.add().model_spec, request.tasks[0].model_spec)
        return response

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        return GetModelMetadataResponse()

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        return GetModelStatusResponse()

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        return ReloadConfigResponse()

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        raise not_found(f"Servable not found for request: Latest({model_spec.name})")

    async def ready(self) -> bool:
        return True

    async def _enter(self, spec: Any, context: CallContext) -> None:
        self.seen.append(context)
        await self.gate.wait()
        if spec.name != MODEL:
            raise not_found(f"Servable not found for request: Latest({spec.name})")


def _resolve(answered: Any, asked: Any) -> None:
    answered.name = asked.name
    answered.version.value = VERSION
    answered.signature_name = asked.signature_name or "serving_default"
