"""A data plane small enough to check by head: what REST tests ask."""

import asyncio
from typing import Any

import numpy as np

from serving.data_plane import CallContext, with_inputs
from serving.wire import tensors
from serving.wire.errors import ServingError, StatusCode, invalid, not_found
from serving.wire.messages import (
    ClassificationResponse,
    GetModelMetadataResponse,
    GetModelStatusResponse,
    PredictResponse,
    RegressionResponse,
    SignatureDef,
    SignatureDefMap,
)

VERSION = 123
LABEL = "stable"
HALF_PLUS_TWO = "half_plus_two"


def signature_def(outputs: Any = None, **inputs: int) -> Any:
    """Returns a SignatureDef with inputs of the types given, [-1] each."""
    message = SignatureDef(method_name="tensorflow/serving/predict")
    for side, types in ((message.inputs, inputs), (message.outputs, outputs or {})):
        for name, number in types.items():
            side[name].name = f"{name}:0"
            side[name].dtype = number
            side[name].tensor_shape.dim.add(size=-1)
    return message


class SmallPlane:
    """Halves and adds two; echoes; adds rows; waits; fails.

    Attributes:
        contexts: What calls to predict came with.
        cancelled: Set when a call to the model "slow" is cancelled.
    """

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []
        self.is_ready = True
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()
        numbers = {name: number for number, name in _NAMES.items()}
        self.signatures = {
            HALF_PLUS_TWO: signature_def({"y": tensors.DT_FLOAT}, x=tensors.DT_FLOAT),
            "pair": signature_def(
                {"sum": tensors.DT_FLOAT, "name_bytes": tensors.DT_STRING},
                x=tensors.DT_FLOAT,
                name=tensors.DT_STRING,
            ),
            "slow": signature_def(x=tensors.DT_FLOAT),
            "broken": signature_def(x=tensors.DT_FLOAT),
            **{f"echo_{name}": signature_def({"x": n}, x=n) for name, n in numbers.items()},
        }

    def _check(self, spec: Any) -> None:
        if spec.name not in self.signatures:
            raise not_found(f"Servable not found for request: Latest({spec.name})")
        if spec.version_label not in {"", LABEL}:
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        if spec.HasField("version") and spec.version.value != VERSION:
            raise not_found(
                f"Servable not found for request: Specific({spec.name}, {spec.version.value})"
            )

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        self._check(model_spec)
        name = model_spec.signature_name or "serving_default"
        if name != "serving_default":
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return VERSION, self.signatures[model_spec.name]

    async def predict(self, request: Any, context: CallContext) -> Any:
        self.contexts.append(context)
        name = request.model_spec.name
        sent = with_inputs(request, context).inputs
        inputs = {key: tensors.to_array(value) for key, value in sent.items()}
        if name == "broken":
            raise KeyError("a detail")
        if name == "slow":
            await self._wait()
        response = PredictResponse()
        for key, array in _computed(name, inputs).items():
            tensors.fill(response.outputs[key], array)
        return response

    async def _wait(self) -> None:
        self.began.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def classify(self, request: Any, context: CallContext) -> Any:
        self._check(request.model_spec)
        response = ClassificationResponse()
        for x in _feature(request):
            result = response.result.classifications.add()
            result.classes.add(label="", score=x / 2 + 2)
        return response

    async def regress(self, request: Any, context: CallContext) -> Any:
        self._check(request.model_spec)
        response = RegressionResponse()
        for x in _feature(request):
            response.result.regressions.add(value=x / 2 + 2)
        return response

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        raise ServingError(StatusCode.UNIMPLEMENTED, "no REST path leads here")

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        self._check(request.model_spec)
        assert list(request.metadata_field) == ["signature_def"]
        response = GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = VERSION
        signatures = SignatureDefMap()
        signatures.signature_def["serving_default"].CopyFrom(
            self.signatures[request.model_spec.name]
        )
        response.metadata["signature_def"].Pack(signatures)
        return response

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        name = request.model_spec.name
        if name not in self.signatures:
            raise not_found(f"Could not find any versions of model {name}")
        response = GetModelStatusResponse()
        status = response.model_version_status.add(version=VERSION, state=30)
        status.status.SetInParent()
        return response

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        raise ServingError(StatusCode.UNIMPLEMENTED, "no REST path leads here")

    async def ready(self) -> bool:
        return self.is_ready


_NAMES = {
    number: tensors.dtype_name(number)
    for number in (*range(1, 8), tensors.DT_INT64, tensors.DT_BOOL, tensors.DT_HALF, 22, 23)
}


def _computed(name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if name.startswith("echo_"):
        return inputs
    x = inputs["x"]
    if name == "pair":
        if not x.size or not x.ndim:
            raise invalid("The model adds up rows, and there are none.")
        return {"sum": x.reshape(len(x), -1).sum(axis=1), "name_bytes": inputs["name"]}
    return {"y": x / np.float32(2) + np.float32(2)}


def _feature(request: Any) -> list[float]:
    kind = request.input.WhichOneof("kind")
    examples = getattr(request.input, kind).examples
    values = [example.features.feature["x"].float_list.value[:1] for example in examples]
    if not all(values):
        raise invalid("Feature: x (data type: float) is required but could not be found.")
    return [value for (value,) in values]
