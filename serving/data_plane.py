"""What both transports call, and both backends answer.

gRPC and REST only decode, call and encode. A `DataPlane` is either the models of this process
(`serving.server.local_plane`) or a TensorFlow Serving behind (`serving.backends.remote`).
`serving.server.front` stands between: it counts, limits and logs.

Messages are those of `serving.wire.messages`. Every method raises `ServingError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from serving.wire import tensors

GRPC = "GRPC"
REST = "REST"
SHADOW = "shadow"  # the arm of an answer that only the request log gets


@dataclasses.dataclass(slots=True)
class CallContext:
    """What is known about a call beside its message.

    Attributes:
        request_id: Joins the answer, the log and a later label; taken from the caller or made.
        deadline: The loop's time at which the caller gives up, in seconds, or None.
        entrypoint: `GRPC` or `REST`.
        inputs: Of a PredictRequest that has none itself, where the transport has made arrays;
            `with_inputs` writes them into the message for those who need it whole.
        request_bytes: The request as it came, where that is its message; not to be made again for
            the request log.
        response_bytes: The answer's message, where the request log has needed it; not to be made
            again for the caller.
        headers: gRPC's metadata or HTTP's headers as the transport has them, names in lower case;
            `header` reads them.
        rollout_id: Of the rollout that the call is part of; empty where it is part of none.
        rollout_arm: Which arm answered it there, or `SHADOW`; empty likewise.
        background: Whether nobody waits for the answer, so that callers' requests come first.
    """

    request_id: str
    deadline: float | None = None
    entrypoint: str = GRPC
    inputs: Mapping[str, np.ndarray] | None = None
    request_bytes: bytes | None = None
    response_bytes: bytes | None = None
    headers: Mapping[Any, Any] | None = None
    rollout_id: str = ""
    rollout_arm: str = ""
    background: bool = False

    def header(self, name: str) -> str | None:
        """Returns what the caller sent under a name in lower case, or None."""
        if self.headers is None:
            return None
        # HTTP's are bytes, gRPC's are texts, save those of `-bin` keys.
        found = self.headers.get(name)
        if found is None:
            found = self.headers.get(name.encode())
        return found.decode("latin-1") if isinstance(found, bytes) else found


def with_inputs(request: Any, context: CallContext) -> Any:
    """Returns a PredictRequest with its inputs in it, whatever form they came in."""
    if context.inputs is not None and not request.inputs:
        for name, array in context.inputs.items():
            tensors.fill(request.inputs[name], array, as_content=True)
    return request


class DataPlane(Protocol):
    """Answers requests about models."""

    async def predict(self, request: Any, context: CallContext) -> Any:
        """Answers a PredictRequest with a PredictResponse."""

    async def classify(self, request: Any, context: CallContext) -> Any:
        """Answers a ClassificationRequest with a ClassificationResponse."""

    async def regress(self, request: Any, context: CallContext) -> Any:
        """Answers a RegressionRequest with a RegressionResponse."""

    async def multi_inference(self, request: Any, context: CallContext) -> Any:
        """Answers a MultiInferenceRequest with a MultiInferenceResponse."""

    async def get_model_metadata(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelMetadataRequest with a GetModelMetadataResponse."""

    async def get_model_status(self, request: Any, context: CallContext) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse."""

    async def reload_config(self, request: Any, context: CallContext) -> Any:
        """Answers a ReloadConfigRequest with a ReloadConfigResponse, once new models serve."""

    async def signature(self, model_spec: Any) -> tuple[int, Any]:
        """Finds what JSON has to be read as.

        Args:
            model_spec: A ModelSpec; version, label and signature name are optional.

        Returns:
            The version that the ModelSpec means now, and the SignatureDef message.

        Raises:
            ServingError: As `predict` would; an unknown signature is INVALID_ARGUMENT
                `Serving signature name: "s" not found in signature def`.
        """

    async def ready(self) -> bool:
        """Returns whether every configured model has a version that answers."""
