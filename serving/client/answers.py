"""What a client's calls return, read from the server's messages.

How the calls are made is left to `serving.client.calls`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.client.errors import ServerError
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import ModelVersionStatus, SignatureDefMap
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import to_array

AVAILABLE = "AVAILABLE"

_STATES = ModelVersionStatus.DESCRIPTOR.enum_types_by_name["State"].values_by_number


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What every answer of a model says.

    Attributes:
        model: Name of the model.
        version: The version that answered; None from a server that does not tell.
        signature: The signature that answered.
        request_id: Joins the answer with the server's log and with a label that comes later. The
            server's, or the client's own where the server sends none back (TensorFlow Serving).
    """

    model: str
    version: int | None
    signature: str
    request_id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Answer):
    """The answer to `predict`.

    Attributes:
        outputs: By name, in the names' order; texts are arrays of `bytes` objects.
    """

    outputs: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class ScoredClass:
    """One class of one example.

    Attributes:
        label: Name of the class; "" where the model only has scores.
        score: As the model gives it, often a probability.
    """

    label: str
    score: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Classification(Answer):
    """The answer to `classify`.

    Attributes:
        classes: For each example its classes, in the model's order.
    """

    classes: list[list[ScoredClass]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Regression(Answer):
    """The answer to `regress`.

    Attributes:
        values: Float32, shape `(examples,)`.
    """

    values: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class Metadata:
    """What a version of a model can be asked.

    Attributes:
        model: Name of the model.
        version: The version that this is about; None from a server that does not tell.
        signatures: By name, without those that TensorFlow keeps for itself (`__saved_model_…`).
    """

    model: str
    version: int | None
    signatures: Mapping[str, Signature]


@dataclasses.dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of one version.

    Attributes:
        version: Its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        code: OK, or why it failed.
        message: What went wrong; "" where nothing did.
    """

    version: int
    state: str
    code: StatusCode
    message: str

    @property
    def available(self) -> bool:
        """Whether the version answers requests."""
        return self.state == AVAILABLE


def prediction(response: Any, request_id: str) -> Prediction:
    """Reads a PredictResponse.

    Raises:
        ServerError: An output is no tensor that can be read.
    """
    try:
        # Protobuf's maps have another order in each process.
        outputs = {name: to_array(response.outputs[name]) for name in sorted(response.outputs)}
    except ServingError as error:
        raise ServerError(
            StatusCode.INTERNAL, f"The answer cannot be read: {error.message}", request_id
        ) from error
    return Prediction(**_common(response.model_spec, request_id), outputs=outputs)


def classification(response: Any, request_id: str) -> Classification:
    """Reads a ClassificationResponse."""
    rows = [
        [ScoredClass(found.label, found.score) for found in row.classes]
        for row in response.result.classifications
    ]
    return Classification(**_common(response.model_spec, request_id), classes=rows)


def regression(response: Any, request_id: str) -> Regression:
    """Reads a RegressionResponse."""
    values = np.array([found.value for found in response.result.regressions], np.float32)
    return Regression(**_common(response.model_spec, request_id), values=values)


def metadata(response: Any) -> Metadata:
    """Reads a GetModelMetadataResponse."""
    definitions = SignatureDefMap.FromString(response.metadata["signature_def"].value)
    signatures = {
        name: Signature(
            name,
            {key: _spec(info) for key, info in sorted(definition.inputs.items())},
            {key: _spec(info) for key, info in sorted(definition.outputs.items())},
            definition.method_name,
            _defaults(definition),
        )
        for name, definition in sorted(definitions.signature_def.items())
        if not name.startswith("__saved_model_")
    }
    spec = response.model_spec
    return Metadata(spec.name, _version(spec), signatures)


def statuses(response: Any) -> list[VersionStatus]:
    """Reads a GetModelStatusResponse; the newest version comes first."""
    found = [
        VersionStatus(
            entry.version,
            _STATES[entry.state].name if entry.state in _STATES else str(entry.state),
            _code(entry.status.error_code),
            entry.status.error_message,
        )
        for entry in response.model_version_status
    ]
    return sorted(found, key=lambda status: status.version, reverse=True)


def _code(number: int) -> StatusCode:
    return StatusCode(number) if number in StatusCode.__members__.values() else StatusCode.UNKNOWN


def _common(spec: Any, request_id: str) -> dict[str, Any]:
    return {
        "model": spec.name,
        "version": _version(spec),
        "signature": spec.signature_name,
        "request_id": request_id,
    }


def _version(spec: Any) -> int | None:
    return spec.version.value if spec.HasField("version") else None


def _defaults(definition: Any) -> dict[str, np.ndarray]:
    try:
        return {name: to_array(proto) for name, proto in sorted(definition.defaults.items())}
    except ServingError:
        return {}  # of a type that does not travel; then no caller can send it either


def _spec(info: Any) -> TensorSpec:
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorSpec(info.dtype, sizes)
