"""What a logged response answered, row by row. Pure functions.

One of the outputs is the prediction: the one that a parameter names, else the only one, else
`scores`, which Classify gives beside its labels. The outputs of a MultiInference are named by
signature and output, as in `regression/outputs`, unless it has one task only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from components.prediction_log_example_gen.inputs import (
    Served,
    UnreadableError,
    column,
    read_array,
)
from components.prediction_log_example_gen.plan import BYTES, FLOAT
from serving.wire.signatures import CLASSES, SCORES, VALUES, signature_name

Outputs = dict[str, list[Served]]


def predict_outputs(response: Any, count: int) -> Outputs:
    """Returns the outputs of a PredictResponse, a list of `count` each.

    Args:
        response: A PredictResponse.
        count: Rows of the request.

    Raises:
        UnreadableError: There is none, or a tensor cannot be read or has more or fewer rows.
    """
    if not response.outputs:
        raise UnreadableError("an answer without outputs")
    outputs = {}
    for name, proto in response.outputs.items():
        array = read_array(name, proto)
        if not array.ndim or len(array) != count:
            raise UnreadableError(
                f"output {name!r} of shape {list(array.shape)}, expected {count} rows"
            )
        outputs[name] = column(array, count)
    return outputs


def classify_outputs(result: Any, count: int) -> Outputs:
    """Returns the labels and scores of a ClassificationResult, a list of `count` each.

    Raises:
        UnreadableError: There are more or fewer results.
    """
    _check(len(result.classifications), count)
    rows = [row.classes for row in result.classifications]
    labels = [[item.label.encode() for item in row] for row in rows]
    outputs = {SCORES: [Served(FLOAT, [item.score for item in row]) for row in rows]}
    # A model may give scores only; its labels are then all empty.
    if any(any(row) for row in labels):
        outputs[CLASSES] = [Served(BYTES, row) for row in labels]
    return outputs


def regress_outputs(result: Any, count: int) -> Outputs:
    """Returns the values of a RegressionResult, a list of `count`.

    Raises:
        UnreadableError: There are more or fewer results.
    """
    _check(len(result.regressions), count)
    return {VALUES: [Served(FLOAT, [row.value]) for row in result.regressions]}


def multi_outputs(response: Any, count: int) -> Outputs:
    """Returns the outputs of all tasks of a MultiInferenceResponse.

    Raises:
        UnreadableError: There are no tasks, or more or fewer results in one of them.
    """
    if not response.results:
        raise UnreadableError("an answer without results")
    outputs: Outputs = {}
    for result in response.results:
        if result.WhichOneof("result") == "classification_result":
            found = classify_outputs(result.classification_result, count)
        else:
            found = regress_outputs(result.regression_result, count)
        if len(response.results) == 1:
            return found
        outputs |= {f"{signature_name(result.model_spec)}/{name}": v for name, v in found.items()}
    return outputs


def prediction_name(outputs: Collection[str], asked: str) -> str | None:
    """Returns which output is the prediction, or None where that cannot be told.

    Args:
        outputs: The names of all.
        asked: The one that is asked for; "" for none.
    """
    if asked:
        return asked if asked in outputs else None
    if len(outputs) == 1:
        return next(iter(outputs))
    return SCORES if SCORES in outputs else None


def of_row(outputs: Mapping[str, list[Served]], row: int) -> dict[str, Served]:
    """Returns the outputs of one row."""
    return {name: values[row] for name, values in outputs.items()}


def _check(found: int, count: int) -> None:
    if found != count:
        raise UnreadableError(f"{found} results, expected {count}, one for each row")
