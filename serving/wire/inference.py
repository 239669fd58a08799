"""From requests to the arrays a model computes with, and from its outputs to results.

Checks and messages are those of TensorFlow Serving. Everything here is pure: the server calls it
for requests (`serving.server.local_plane`), the local backend for warm-up. Which signature is
meant is for `serving.wire.signatures`, computing for a `Servable`, responses around results for the
server.

Sources: predict_util.cc, classifier.cc, regressor.cc and util.cc under
tensorflow_serving/servables/tensorflow; `GetInputValues` in tensorflow/cc/saved_model/util.cc.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from serving.wire.errors import ServingError, invalid
from serving.wire.messages import ClassificationResult, DataType, RegressionResult
from serving.wire.signatures import (
    CLASSES,
    CLASSIFY_METHOD,
    DEFAULT_SIGNATURE,
    EXAMPLES,
    PREDICT_METHOD,
    REGRESS_METHOD,
    SCORES,
    VALUES,
    braced,
    check_classify,
    check_regress,
    check_tasks,
    classify_signature,
    predict_signature,
    regress_signature,
    signature_name,
    task_signatures,
)
from serving.wire.specs import Signature
from serving.wire.tensors import DT_FLOAT, DT_STRING, dtype_name, number_of, to_array

# Callers need both halves of a request's way, and find them here.
__all__ = [
    "CLASSES",
    "CLASSIFY_METHOD",
    "DEFAULT_SIGNATURE",
    "EXAMPLES",
    "PREDICT_METHOD",
    "REGRESS_METHOD",
    "SCORES",
    "VALUES",
    "check_classify",
    "check_regress",
    "check_tasks",
    "check_types",
    "classification_result",
    "classify_signature",
    "example_inputs",
    "output_names",
    "predict_inputs",
    "predict_signature",
    "regress_signature",
    "regression_result",
    "signature_name",
    "task_signatures",
]


def predict_inputs(request: Any, signature: Signature) -> dict[str, np.ndarray]:
    """Returns the arrays of a PredictRequest, by input; defaults stand in for inputs left out.

    Shapes are not compared: what the graph can compute is answered.

    Args:
        request: A PredictRequest.
        signature: The one it means.

    Raises:
        ServingError: INVALID_ARGUMENT where names or types are not the signature's, or a tensor
            cannot be read.
    """
    sent = request.inputs
    _check_count(sent, signature)
    arrays = {}
    for alias in signature.inputs:
        if alias in sent:
            arrays[alias] = _array(alias, sent[alias])
        elif alias in signature.defaults:
            arrays[alias] = signature.defaults[alias]
        else:
            raise _left_out(alias, sent, signature)
    _check_all_used(sent, signature)
    check_types(arrays, signature)
    return arrays


def check_types(arrays: Mapping[str, np.ndarray], signature: Signature) -> None:
    """Checks that arrays are of the types that a signature's inputs have.

    Args:
        arrays: One for each input.
        signature: The one to be computed.

    Raises:
        ServingError: INVALID_ARGUMENT, in the words of TensorFlow's session.
    """
    for alias, array in arrays.items():
        expected, received = signature.inputs[alias].dtype, number_of(array.dtype)
        if expected != received:
            at = sorted(signature.inputs).index(alias)
            raise invalid(
                f"Expects arg[{at}] to be {dtype_name(expected)} but {dtype_name(received)} is "
                f'provided for input "{alias}".'
            )


def output_names(output_filter: Iterable[str], signature: Signature) -> tuple[str, ...]:
    """Returns the outputs that a PredictRequest asks for, in its order; an empty filter means all.

    Args:
        output_filter: The request's.
        signature: The one it means.

    Raises:
        ServingError: INVALID_ARGUMENT for a name that is no output or stands twice.
    """
    names: list[str] = []
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {braced(sorted(signature.outputs))}."
            )
        if alias in names:
            raise invalid(f"duplicate output tensor alias: {alias}")
        names.append(alias)
    return tuple(names) or tuple(signature.outputs)


def example_inputs(examples: Any) -> np.ndarray:
    """Returns the Examples of an Input, each serialized, its context in front.

    Two serialized messages in a row are one message in which the latter's fields win.

    Args:
        examples: The message Input of a request.

    Returns:
        `bytes` objects, shape `(examples,)`, for the input `EXAMPLES`.

    Raises:
        ServingError: INVALID_ARGUMENT `Input is empty.`
    """
    kind = examples.WhichOneof("kind")
    listed = getattr(examples, kind).examples if kind else ()
    if not listed:
        raise invalid("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
    array = np.empty(len(listed), object)
    array[:] = [context + example.SerializeToString() for example in listed]
    return array


def classification_result(outputs: Mapping[str, np.ndarray], count: int) -> Any:
    """Returns a ClassificationResult.

    Args:
        outputs: `classes` (texts), `scores` (float) or both, each `(count, classes)`.
        count: Examples in the request.

    Raises:
        ServingError: INVALID_ARGUMENT where the outputs are of other types or shapes.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for array, name, dtype in ((classes, CLASSES, DT_STRING), (scores, SCORES, DT_FLOAT)):
        if array is not None:
            _check_classes(array, name, dtype, count)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid(
            "Tensors class and score should match in dim_size(1). Got "
            f"{classes.shape[1]} vs. {scores.shape[1]}"
        )
    result = ClassificationResult()
    for labels, values in zip(_rows(classes, count), _rows(scores, count), strict=True):
        row = result.classifications.add().classes
        for label, value in itertools.zip_longest(labels, values):
            # A label that is no text in UTF-8 would make the whole answer unreadable.
            row.add(label=(label or b"").decode("utf-8", "replace"), score=value or 0.0)
    return result


def regression_result(outputs: Mapping[str, np.ndarray], count: int) -> Any:
    """Returns a RegressionResult.

    Args:
        outputs: `outputs` (float), `(count,)` or `(count, 1)`.
        count: Examples in the request.

    Raises:
        ServingError: INVALID_ARGUMENT where the output is of another type or shape.
    """
    if VALUES not in outputs:
        raise invalid(f"Could not find output tensor '{VALUES}'")
    values = outputs[VALUES]
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(values)}"
        )
    if len(values) != count:
        raise invalid(
            f"Input batch size did not match output batch size: {count} vs. {len(values)}"
        )
    if number_of(values.dtype) != DT_FLOAT:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_type(values)}")
    result = RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _check_count(sent: Mapping[str, Any], signature: Signature) -> None:
    expected = signature.inputs
    if len(sent) == len(expected) or (len(sent) < len(expected) and signature.defaults):
        return
    names, wanted = set(sent), set(expected)
    raise invalid(
        f"input size does not match signature: {len(names)}!={len(wanted)} "
        f"len({braced(sorted(names))}) != len({braced(sorted(wanted))}). "
        f"Sent extra: {braced(sorted(names - wanted))}. "
        f"Missing but required: {braced(sorted(wanted - names))}."
    )


def _left_out(alias: str, sent: Mapping[str, Any], signature: Signature) -> ServingError:
    return invalid(
        f"Signature input alias: {alias} not found in request and no default value provided. "
        f"Inputs expected to be in the request {braced(sorted(sent))}, or default input alias set: "
        f"{','.join(sorted(signature.defaults))}"
    )


def _check_all_used(sent: Mapping[str, Any], signature: Signature) -> None:
    used = [alias for alias in sent if alias in signature.inputs]
    if len(used) != len(sent):
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(used))}, "
            f"request input: {','.join(sorted(sent))}"
        )


def _array(alias: str, proto: Any) -> np.ndarray:
    try:
        return to_array(proto)
    except ServingError as error:
        raise ServingError(error.code, f"tensor parsing error: {alias}. {error.message}") from error


def _check_classes(array: np.ndarray, name: str, dtype: int, count: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
    if number_of(array.dtype) != dtype:
        expected = DataType.values_by_number[dtype].name
        raise invalid(f"Expected {name} Tensor of {expected}. Got: {_type(array)}")
    if len(array) != count:
        raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")


def _rows(array: np.ndarray | None, count: int) -> list[Any]:
    return [()] * count if array is None else array.tolist()


def _type(array: np.ndarray) -> str:
    return DataType.values_by_number[number_of(array.dtype)].name


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"
