from __future__ import annotations

from typing import Any

import log_gen_records as logs
import numpy as np
import pytest

from components.prediction_log_example_gen.inputs import UnreadableError
from components.prediction_log_example_gen.outputs import (
    classify_outputs,
    multi_outputs,
    of_row,
    predict_outputs,
    prediction_name,
    regress_outputs,
)
from serving.wire import messages


def plain(outputs: Any) -> dict[str, list[Any]]:
    return {name: [list(served.values) for served in rows] for name, rows in outputs.items()}


def answer(**outputs: Any) -> Any:
    return logs.predict({}, {name: np.asarray(array) for name, array in outputs.items()})[1]


def test_outputs_of_a_predict_are_split_into_rows() -> None:
    response = answer(scores=[[0.25, 0.75], [0.5, 0.5]], label=np.array([b"b", b"a"], object))
    found = predict_outputs(response, 2)
    assert plain(found) == {"scores": [[0.25, 0.75], [0.5, 0.5]], "label": [[b"b"], [b"a"]]}
    assert list(of_row(found, 1)["label"].values) == [b"a"]


@pytest.mark.parametrize("array", [1.0, [1.0], [1.0, 2.0, 3.0]])
def test_an_output_that_is_not_by_row_cannot_be_read(array) -> None:
    with pytest.raises(UnreadableError, match=r"output 'y' of shape \[.*\], expected 2 rows"):
        predict_outputs(answer(y=array), 2)


def test_scores_and_labels_of_a_classification() -> None:
    _, response = logs.classify([], [0.75, 0.5])
    assert plain(classify_outputs(response.result, 2)) == {
        "scores": [[0.25, 0.75], [0.5, 0.5]],
        "classes": [[b"0", b"1"]] * 2,
    }


def test_scores_without_labels() -> None:
    result = messages.ClassificationResult()
    result.classifications.add().classes.add(score=0.5)
    assert plain(classify_outputs(result, 1)) == {"scores": [[0.5]]}


def test_values_of_a_regression() -> None:
    _, response = logs.regress([], messages.Example(), [1.5, 2.5])
    assert plain(regress_outputs(response.result, 2)) == {"outputs": [[1.5], [2.5]]}
    with pytest.raises(UnreadableError, match="2 results, expected 3"):
        regress_outputs(response.result, 3)


def test_several_tasks_are_told_apart_by_signature() -> None:
    _, response = logs.multi_inference([], [0.5])
    assert plain(multi_outputs(response, 1)) == {
        "classification/scores": [[0.5]],
        "classification/classes": [[b"1"]],
        "regression/outputs": [[0.5]],
    }
    del response.results[0]
    assert plain(multi_outputs(response, 1)) == {"outputs": [[0.5]]}


@pytest.mark.parametrize(
    ("outputs", "asked", "expected"),
    [
        (["y"], "", "y"),
        (["y", "z"], "", None),
        (["y", "z"], "z", "z"),
        (["y"], "z", None),
        (["classes", "scores"], "", "scores"),
        ([], "", None),
    ],
)
def test_the_prediction_is_named_or_plain_to_see(outputs, asked, expected) -> None:
    assert prediction_name(outputs, asked) == expected
