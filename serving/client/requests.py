"""The messages that a client sends, made of its arguments.

Which of them are sent, and in what order, is left to `serving.client.calls`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.errors import refused
from serving.client.examples import Row, check_rows, to_example
from serving.wire.errors import ServingError
from serving.wire.messages import (
    ClassificationRequest,
    GetModelMetadataRequest,
    GetModelStatusRequest,
    Input,
    ModelSpec,
    PredictRequest,
    RegressionRequest,
)
from serving.wire.tensors import fill

_INT64 = range(2**63)


def model_spec(
    model: str, signature: str = "", *, version: int | None = None, label: str | None = None
) -> Any:
    """Returns a ModelSpec.

    Raises:
        InvalidRequest: There is no name, both version and label are given, or the version is none.
    """
    if not isinstance(model, str) or not model:
        raise refused(f"Expected the name of a model, received {model!r}.")
    if version is not None and label is not None:
        raise refused(f"Expected a version or a label, received both: {version} and {label!r}.")
    spec = ModelSpec(name=model, signature_name=signature)
    if version is not None:
        if version not in _INT64:
            raise refused(f"Expected a version of 0 to 2**63 - 1, received {version!r}.")
        spec.version.value = int(version)
    elif label is not None:
        spec.version_label = label
    return spec


def predict(spec: Any, tensors: Mapping[str, np.ndarray], outputs: Sequence[str]) -> Any:
    """Returns a PredictRequest; numbers travel as raw bytes, which is quickest.

    Raises:
        InvalidRequest: TensorFlow has no type such as one of the arrays'.
    """
    request = PredictRequest(model_spec=spec, output_filter=outputs)
    for name, array in tensors.items():
        try:
            fill(request.inputs[name], array, as_content=True)
        except ServingError as error:
            raise refused(f"Input {name!r}: {error.message}") from error
    return request


def classify(spec: Any, examples: Sequence[Row], context: Row | None) -> Any:
    """Returns a ClassificationRequest.

    Raises:
        InvalidRequest: A row is no example.
    """
    return ClassificationRequest(model_spec=spec, input=_input(examples, context))


def regress(spec: Any, examples: Sequence[Row], context: Row | None) -> Any:
    """Returns a RegressionRequest.

    Raises:
        InvalidRequest: A row is no example.
    """
    return RegressionRequest(model_spec=spec, input=_input(examples, context))


def metadata(spec: Any) -> Any:
    """Returns a GetModelMetadataRequest for the signatures."""
    return GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])


def status(spec: Any) -> Any:
    """Returns a GetModelStatusRequest."""
    return GetModelStatusRequest(model_spec=spec)


def _input(examples: Sequence[Row], context: Row | None) -> Any:
    check_rows(examples)
    rows = [to_example(row, position) for position, row in enumerate(examples)]
    made = Input()
    if context is None:
        made.example_list.examples.extend(rows)
    else:
        made.example_list_with_context.context.CopyFrom(to_example(context))
        made.example_list_with_context.examples.extend(rows)
    return made
