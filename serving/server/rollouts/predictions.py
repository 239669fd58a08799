"""The numbers that stand for what a version predicted: one for each row of a response.

Of Predict it is the output that was named, else the only one of floats with one value for each row;
of Classify the score of the last class, of Regress the value, of MultiInference those of the first
task. Where it cannot be told there are none, and guards on predictions have nothing to say.
"""

from __future__ import annotations

from typing import Any

from serving.wire import tensors

# Counting more would hold up the event loop; a request of many rows is one observation anyway.
MOST_ROWS = 256

_FLOATS = {tensors.DT_FLOAT, tensors.DT_DOUBLE, tensors.DT_HALF, tensors.DT_BFLOAT16}


def of_predict(response: Any, output: str) -> list[float]:
    """Returns those of a PredictResponse.

    Args:
        response: It.
        output: The output's name; empty to find it.
    """
    found = response.outputs
    names = [output] if output else list(found)
    fitting = [found[name] for name in names if name in found and _is_one_per_row(found[name])]
    if len(fitting) != 1:
        return []
    values: list[float] = tensors.to_array(fitting[0]).reshape(-1)[:MOST_ROWS].tolist()
    return [float(value) for value in values]


def of_classify(response: Any, _: str) -> list[float]:
    """Returns those of a ClassificationResponse."""
    return _scores(response.result)


def of_regress(response: Any, _: str) -> list[float]:
    """Returns those of a RegressionResponse."""
    return _values(response.result)


def of_multi_inference(response: Any, _: str) -> list[float]:
    """Returns those of a MultiInferenceResponse."""
    if not response.results:
        return []
    first = response.results[0]
    if first.WhichOneof("result") == "classification_result":
        return _scores(first.classification_result)
    return _values(first.regression_result)


def _scores(result: Any) -> list[float]:
    rows = result.classifications[:MOST_ROWS]
    return [row.classes[-1].score for row in rows if row.classes]


def _values(result: Any) -> list[float]:
    return [row.value for row in result.regressions[:MOST_ROWS]]


def _is_one_per_row(tensor: Any) -> bool:
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    return tensor.dtype in _FLOATS and bool(sizes) and all(size == 1 for size in sizes[1:])
