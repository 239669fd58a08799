"""The numbers that stand for predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from serving.server.rollouts import predictions
from serving.wire import tensors
from serving.wire.messages import (
    ClassificationResponse,
    MultiInferenceResponse,
    PredictResponse,
    RegressionResponse,
)


def predicted(**outputs):
    response = PredictResponse()
    for name, array in outputs.items():
        tensors.fill(response.outputs[name], np.asarray(array), as_content=True)
    return response


CHANCES = np.array([0.25, 0.5], np.float32)
OTHERS = np.array([1.0, 2.0], np.float32)


@pytest.mark.parametrize(
    ("outputs", "named", "found"),
    [
        ({"y": CHANCES}, "", [0.25, 0.5]),
        ({"y": CHANCES[:, None]}, "", [0.25, 0.5]),
        ({"y": CHANCES.astype(np.float64)}, "", [0.25, 0.5]),
        ({"y": CHANCES, "ids": np.array([1, 2])}, "", [0.25, 0.5]),
        ({"y": CHANCES, "vectors": np.ones((2, 3), np.float32)}, "", [0.25, 0.5]),
        ({"y": CHANCES, "z": OTHERS}, "z", [1.0, 2.0]),
        ({"y": CHANCES, "z": OTHERS}, "", []),
        ({"y": CHANCES}, "none", []),
        ({"y": np.float32(1.0)}, "", []),
        ({"y": np.ones((2, 2), np.float32)}, "y", []),
        ({}, "", []),
    ],
)
def test_of_predict_it_is_the_one_output_of_a_float_for_each_row(outputs, named, found):
    assert predictions.of_predict(predicted(**outputs), named) == found


def test_what_is_no_number_stays_so():
    (found,) = predictions.of_predict(predicted(y=np.array([np.nan], np.float32)), "")
    assert math.isnan(found)


def test_of_many_rows_the_first_count():
    rows = np.arange(1000, dtype=np.float32)
    assert predictions.of_predict(predicted(y=rows), "") == list(range(256))


def test_of_the_other_calls_it_is_the_last_score_and_the_value():
    classes = [{"classes": [{"score": 0.75}, {"score": 0.25}]}, {"classes": []}]
    values = [{"value": 1.5}, {"value": 2.5}]
    classified = {"classifications": classes}
    regressed = {"regressions": values}
    assert predictions.of_classify(ClassificationResponse(result=classified), "") == [0.25]
    assert predictions.of_regress(RegressionResponse(result=regressed), "") == [1.5, 2.5]
    for first, found in (
        ({"classification_result": classified}, [0.25]),
        ({"regression_result": regressed}, [1.5, 2.5]),
    ):
        both = MultiInferenceResponse(results=[first, {"regression_result": {}}])
        assert predictions.of_multi_inference(both, "") == found
    assert predictions.of_multi_inference(MultiInferenceResponse(), "") == []
