"""Predictions row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines import prediction_rows
from pipelines.errors import RingwayError
from serving.client import Prediction


def prediction(**outputs: Any) -> Prediction:
    return Prediction(model="m", version=1, signature="s", request_id="r", outputs=outputs)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.1], [0.25]], np.float32), [0.1, 0.25]),
        (np.array([0.1, 1 / 3]), [0.1, 1 / 3]),
        (np.array([[1, 2], [3, 4]], np.int64), [[1, 2], [3, 4]]),
        (np.array([[[1]], [[2]]]), [1, 2]),
        (np.array([b"a", b"\xff"], object), ["a", {"b64": "/w=="}]),
        (np.array([True, False]), [True, False]),
    ],
)
def test_each_row_gets_its_entry_as_JSON(array: np.ndarray, expected: list[Any]) -> None:
    rows = prediction_rows.by_row(prediction(y=array), 2)
    assert [row["y"] for row in rows] == expected


@pytest.mark.parametrize("array", [np.float32(1.0), np.zeros((3, 1)), np.zeros((1, 2))])
def test_an_output_that_is_not_by_row_is_told(array: Any) -> None:
    with pytest.raises(RingwayError, match="output 'y': expected one entry for each of 2 rows"):
        prediction_rows.by_row(prediction(y=np.asarray(array)), 2)


def test_cells_have_one_value_each() -> None:
    outputs = {"p": 0.5, "scores": [0.1, 0.9], "label": "a", "deep": [[1], [2]], "raw": {"b64": ""}}
    assert prediction_rows.cells(outputs) == {
        "p": "0.5",
        "scores_0": "0.1",
        "scores_1": "0.9",
        "label": "a",
        "deep": "[[1], [2]]",
        "raw": '{"b64": ""}',
    }


def test_a_line_names_the_outputs() -> None:
    assert prediction_rows.line({"p": 0.5, "label": "a"}) == "p: 0.5  label: a"


def test_output_columns_get_names_that_are_free() -> None:
    taken = ["a", "y", "predicted_y"]
    assert prediction_rows.column_names(["y", "z"], taken) == ["predicted_predicted_y", "z"]
