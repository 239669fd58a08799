"""A model server on grpcio for the tests of clients: real sockets, small sums.

It has one model, "double", with these signatures:

    serving_default   x: float (n)                          -> y: 2 x, and z: 3 x
    rows              examples: serialized tf.Examples      -> outputs: 2 fare, (n, 1)
    columns           fare: float, seconds: int64,          -> outputs: 2 fare + seconds, (n, 1)
                      company: string, each (n)
    texts             t: string (n)                         -> t as it came

As TensorFlow Serving does, it refuses inputs of other types than these. A negative fare, and an
example without one, are refused too.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterable
from concurrent import futures
from typing import Any, Self

import grpc
import numpy as np

from serving.wire import messages, tensors

MODEL = "double"
FLOAT, INT64, TEXT = tensors.DT_FLOAT, tensors.DT_INT64, tensors.DT_STRING

SIGNATURES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "serving_default": ({"x": FLOAT}, {"y": FLOAT, "z": FLOAT}),
    "rows": ({"examples": TEXT}, {"outputs": FLOAT}),
    "columns": ({"fare": FLOAT, "seconds": INT64, "company": TEXT}, {"outputs": FLOAT}),
    "texts": ({"t": TEXT}, {"t": TEXT}),
}


class Refusal(Exception):  # noqa: N818  (a status, not a bug)
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


@dataclasses.dataclass(frozen=True)
class Received:
    """One call as it arrived."""

    method: str
    body: bytes
    metadata: dict[str, str]
    time_remaining: float | None


class ModelServer:
    """Answers on a port of its own, or on a socket.

    Attributes:
        model: Its name.
        version: Its version.
        state: Of that version, a number of `ModelVersionStatus.State`.
        faults: Statuses to end the next calls with, one each.
        signatures: Of the model.
        received: All calls, also those that ended in a fault.
        most_at_once: How many calls there were at the same time, at most.
    """

    def __init__(
        self,
        *,
        faults: Iterable[tuple[grpc.StatusCode, str]] = (),
        delay_sec: float = 0.0,
        echo: bool = True,
        credentials: grpc.ServerCredentials | None = None,
        address: str = "127.0.0.1:0",
    ) -> None:
        self.model = MODEL
        self.version = 3
        self.state = 30
        self.faults = list(faults)
        self.signatures = dict(SIGNATURES)
        self.received: list[Received] = []
        self.most_at_once = self._at_once = 0
        self._delay_sec = delay_sec
        self._echo = echo
        self._lock = threading.Lock()
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ]
        self._server = grpc.server(futures.ThreadPoolExecutor(16), options=options)
        self._server.add_generic_rpc_handlers((_Handlers(self._answer),))
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends connections and frees the port."""
        self._server.stop(None).wait()

    def methods(self) -> list[str]:
        """Returns the last part of the methods that were called, in order."""
        return [call.method.rpartition("/")[2] for call in self.received]

    def _answer(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        remaining = context.time_remaining()
        with self._lock:
            self.received.append(Received(method, body, metadata, remaining))
            fault = self.faults.pop(0) if self.faults else None
        if self._echo and "x-request-id" in metadata:
            echoed = (("x-request-id", metadata["x-request-id"] + ":seen"),)
            context.set_trailing_metadata(echoed)
        try:
            self._linger()
            if fault:
                raise Refusal(*fault)
            response = getattr(self, f"_{method.rpartition('/')[2]}")(body)
        except Refusal as refusal:
            context.abort(refusal.code, refusal.details)
        serialized: bytes = response.SerializeToString()
        return serialized

    def _linger(self) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self._delay_sec)
        with self._lock:
            self._at_once -= 1

    def _Predict(self, body: bytes) -> Any:
        request = messages.PredictRequest.FromString(body)
        inputs = {name: tensors.to_array(proto) for name, proto in request.inputs.items()}
        name, types = self._signature(request.model_spec)
        given = {key: proto.dtype for key, proto in request.inputs.items()}
        if given != types:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"wrong inputs: {given} for {types}")
        response = messages.PredictResponse()
        self._fill_spec(response.model_spec, name)
        for key, value in _compute(inputs).items():
            if not request.output_filter or key in request.output_filter:
                tensors.fill(response.outputs[key], value)
        return response

    def _Classify(self, body: bytes) -> Any:
        request = messages.ClassificationRequest.FromString(body)
        response = messages.ClassificationResponse()
        self._fill_spec(response.model_spec, "serving_default")
        for fare in _fares(request.input):
            row = response.result.classifications.add()
            row.classes.add(label="low", score=1 - fare / 100)
            row.classes.add(label="high", score=fare / 100)
        return response

    def _Regress(self, body: bytes) -> Any:
        request = messages.RegressionRequest.FromString(body)
        response = messages.RegressionResponse()
        self._fill_spec(response.model_spec, "serving_default")
        for fare in _fares(request.input):
            response.result.regressions.add(value=2 * fare)
        return response

    def _GetModelMetadata(self, body: bytes) -> Any:
        request = messages.GetModelMetadataRequest.FromString(body)
        assert list(request.metadata_field) == ["signature_def"]
        self._check_model(request.model_spec)
        signatures = messages.SignatureDefMap()
        for name, (inputs, outputs) in self.signatures.items():
            definition = signatures.signature_def[name]
            definition.method_name = "tensorflow/serving/predict"
            for infos, types in ((definition.inputs, inputs), (definition.outputs, outputs)):
                for key, dtype in types.items():
                    infos[key].dtype = dtype
                    infos[key].tensor_shape.dim.add(size=-1)
        signatures.signature_def["__saved_model_init_op"].SetInParent()
        response = messages.GetModelMetadataResponse()
        self._fill_spec(response.model_spec, "")
        response.metadata["signature_def"].Pack(signatures)
        return response

    def _GetModelStatus(self, body: bytes) -> Any:
        request = messages.GetModelStatusRequest.FromString(body)
        if request.model_spec.name != self.model:
            name = request.model_spec.name
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
        response = messages.GetModelStatusResponse()
        old = response.model_version_status.add(version=self.version - 1, state=50)
        old.status.error_code = 13
        old.status.error_message = "out of memory"
        response.model_version_status.add(version=self.version, state=self.state)
        return response

    def _check_model(self, spec: Any) -> None:
        if spec.name != self.model or self.state != 30:
            raise Refusal(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({spec.name})"
            )

    def _signature(self, spec: Any) -> tuple[str, dict[str, int]]:
        self._check_model(spec)
        name = spec.signature_name or "serving_default"
        if name not in self.signatures:
            details = f'Serving signature key "{name}" not found.'
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, details)
        return name, self.signatures[name][0]

    def _fill_spec(self, spec: Any, name: str) -> None:
        spec.name = self.model
        spec.version.value = self.version
        spec.signature_name = name


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(
            lambda body, context: self._answer(method, body, context)
        )


def _compute(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if "x" in inputs:
        return {"y": inputs["x"] * 2, "z": inputs["x"] * 3}
    if "t" in inputs:
        return {"t": inputs["t"]}
    if "fare" in inputs:
        seconds = inputs.get("seconds", np.zeros(1))
        total = 2 * inputs["fare"] + seconds.astype(np.float32)
        return {"outputs": total[:, None]}
    (texts,) = inputs.values()
    fares = np.array([_fare(messages.Example.FromString(text)) for text in texts], np.float32)
    return {"outputs": 2 * fares[:, None]}


def _fares(sent: Any) -> list[float]:
    kind = sent.WhichOneof("kind")
    if kind is None:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Input is empty.")
    return [_fare(example) for example in getattr(sent, kind).examples]


def _fare(example: Any) -> float:
    values = example.features.feature["fare"].float_list.value
    if len(values) != 1 or values[0] < 0:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "Feature: fare (data type: float) is wrong")
    return float(values[0])
