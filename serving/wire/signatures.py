"""Which signature of a model a request means, and whether it can do what is asked.

Checks and messages are those of TensorFlow Serving. What goes into a signature and comes out of it
is for `serving.wire.inference`.

Sources: predict_util.cc, classifier.cc, regressor.cc and multi_inference.cc under
tensorflow_serving/servables/tensorflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from serving.wire.errors import ServingError, StatusCode, failed_precondition, invalid
from serving.wire.specs import Signature

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"

EXAMPLES = "inputs"  # the one input of signatures that classify or regress
CLASSES = "classes"
SCORES = "scores"
VALUES = "outputs"  # the one output of signatures that regress


def signature_name(model_spec: Any) -> str:
    """Returns the signature that a ModelSpec means."""
    return model_spec.signature_name or DEFAULT_SIGNATURE


def predict_signature(
    signatures: Mapping[str, Signature], model_spec: Any, *, check_method_name: bool = False
) -> Signature:
    """Finds the signature of a PredictRequest.

    Args:
        signatures: Those of the model.
        model_spec: The request's.
        check_method_name: Whether the signature's method must be predict, classify or regress.

    Raises:
        ServingError: FAILED_PRECONDITION where there is none of the name, INTERNAL where its
            method is another one.
    """
    name = signature_name(model_spec)
    if name not in signatures:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    found = signatures[name]
    methods = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)
    if check_method_name and found.method_name not in methods:
        raise ServingError(
            StatusCode.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{braced(methods)}. Was: {found.method_name}",
        )
    return found


def classify_signature(
    signatures: Mapping[str, Signature], model_spec: Any, *, check_method_name: bool = False
) -> Signature:
    """Finds the signature of a ClassificationRequest and checks that it can classify.

    Args:
        signatures: Those of the model.
        model_spec: The request's.
        check_method_name: Whether the signature's method must be classify.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION; the message says what is amiss.
    """
    found = _named(signatures, signature_name(model_spec))
    check_classify(found, check_method_name=check_method_name)
    return found


def regress_signature(
    signatures: Mapping[str, Signature], model_spec: Any, *, check_method_name: bool = False
) -> Signature:
    """Finds the signature of a RegressionRequest and checks that it can regress.

    Args:
        signatures: Those of the model.
        model_spec: The request's.
        check_method_name: Whether the signature's method must be regress.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION; the message says what is amiss.
    """
    found = _named(signatures, signature_name(model_spec))
    check_regress(found, check_method_name=check_method_name)
    return found


def task_signatures(
    signatures: Mapping[str, Signature],
    tasks: Sequence[Any],
    *,
    check_method_name: bool = False,
) -> list[Signature]:
    """Finds the signatures of a MultiInferenceRequest's tasks, one each.

    Args:
        signatures: Those of the model.
        tasks: InferenceTasks, all of one model, each of another signature.
        check_method_name: Whether a signature's method must be its task's.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION for tasks that don't go together or
            signatures that don't fit; UNIMPLEMENTED for a method other than classify and regress.
    """
    check_tasks(tasks)
    found = []
    for task in tasks:
        name = signature_name(task.model_spec)
        if name not in signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        check = check_classify if task.method_name == CLASSIFY_METHOD else check_regress
        check(signatures[name], check_method_name=check_method_name)
        found.append(signatures[name])
    return found


def check_tasks(tasks: Iterable[Any]) -> None:
    """Checks what can be told of InferenceTasks without their model.

    Raises:
        ServingError: As `task_signatures`.
    """
    model, seen = "", set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        model = model or task.model_spec.name
        if task.model_spec.name != model:
            raise invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = signature_name(task.model_spec)
        if name in seen:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if task.method_name not in {CLASSIFY_METHOD, REGRESS_METHOD}:
            raise ServingError(
                StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
            )


def check_classify(signature: Signature, *, check_method_name: bool = False) -> None:
    """Checks that a signature can classify: input `inputs`, outputs `classes`, `scores` or both.

    Args:
        signature: Any.
        check_method_name: Whether its method must be classify.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION.
    """
    if check_method_name:
        _check_method(signature, "classification", CLASSIFY_METHOD)
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in {1, 2}:
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if EXAMPLES not in signature.inputs:
        raise failed_precondition(
            f"No classification inputs found in SignatureDef: {_described(signature)}"
        )
    if CLASSES not in signature.outputs and SCORES not in signature.outputs:
        raise failed_precondition(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {_described(signature)}'
        )


def check_regress(signature: Signature, *, check_method_name: bool = False) -> None:
    """Checks that a signature can regress: input `inputs`, output `outputs`.

    Args:
        signature: Any.
        check_method_name: Whether its method must be regress.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION.
    """
    if check_method_name:
        _check_method(signature, "regression", REGRESS_METHOD)
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if EXAMPLES not in signature.inputs:
        raise failed_precondition(
            f"No regression inputs found in SignatureDef: {_described(signature)}"
        )
    if VALUES not in signature.outputs:
        raise failed_precondition(
            f"No regression outputs found in SignatureDef: {_described(signature)}"
        )


def braced(names: Iterable[str]) -> str:
    """Returns names as TensorFlow Serving's messages list them."""
    return f"{{{','.join(names)}}}"


def _named(signatures: Mapping[str, Signature], name: str) -> Signature:
    if name not in signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return signatures[name]


def _check_method(signature: Signature, kind: str, method: str) -> None:
    if signature.method_name != method:
        raise invalid(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )


def _described(signature: Signature) -> str:
    return (
        f"inputs {braced(sorted(signature.inputs))}, outputs {braced(sorted(signature.outputs))}, "
        f"method_name {signature.method_name}"
    )
