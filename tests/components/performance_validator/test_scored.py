"""Labels of what was delivered, predictions, and what rows are sliced by."""

from __future__ import annotations

import numpy as np
import pytest

from components.performance_validator.scored import (
    LabelsError,
    coded,
    function,
    score,
    values,
)
from components.skew_validator.rows import Column, Rows


def numbers(given, dtype=np.float32):
    present = np.array([value is not None for value in given])
    return Column(values=np.array([value or 0 for value in given], dtype), present=present)


def texts(given, names):
    present = np.array([value is not None for value in given])
    places = np.array([0 if value is None else names.index(value) for value in given], np.int32)
    return Column(values=places, present=present, names=tuple(names))


ROWS = Rows(
    columns={
        "delay": numbers([20.0, 3.0, None, 16.0]),
        "carrier": texts([b"UA", None, b"B6", b"UA"], [b"B6", b"UA"]),
        "hour": numbers([5, 6, None, 5], np.int64),
        "ringway_prediction": numbers([0.5, 0.25, 0.125, 2.0]),
    },
    count=4,
    seen=4,
)


def late(columns):
    return np.where(np.isnan(columns["delay"]), np.nan, columns["delay"] > 15)


def test_a_function_gets_numbers_with_nan_and_texts_with_none():
    np.testing.assert_array_equal(values(ROWS.columns["delay"]), [20.0, 3.0, np.nan, 16.0])
    assert values(ROWS.columns["hour"]).dtype == np.float64
    assert values(ROWS.columns["carrier"]).tolist() == ["UA", None, "B6", "UA"]


def test_rows_with_label_and_prediction_stay():
    found = score(ROWS, late, ["carrier", "elsewhere"])
    assert found.labels.tolist() == [1.0, 0.0]
    assert found.predictions.tolist() == [0.5, 0.25]
    assert (found.unlabelled, found.unusable) == (1, {"": 1})
    assert set(found.columns) == {"carrier", "ringway_model_version"}
    assert found.columns["carrier"].codes.tolist() == [1, -1]
    assert found.columns["ringway_model_version"].values == ("",)


def test_rows_without_a_prediction_are_counted_by_version():
    versions = numbers([7, 8, 8, None], np.int64)
    predictions = numbers([0.5, None, None, float("nan")])
    columns = {**ROWS.columns, "delay": numbers([1.0, 2.0, 20.0, 3.0])}
    columns |= {"ringway_model_version": versions, "ringway_prediction": predictions}
    found = score(Rows(columns=columns, count=4, seen=4), late, ["ringway_model_version"])
    assert found.unusable == {"8": 2, "": 1}


def test_columns_are_coded_by_value():
    hour = coded(ROWS.columns["hour"])
    assert [hour.values[code] if code >= 0 else None for code in hour.codes] == [5, 6, None, 5]
    assert coded(ROWS.columns["carrier"]).values == ("B6", "UA")


def test_without_predictions_nothing_can_be_used():
    columns = {"delay": ROWS.columns["delay"]}
    found = score(Rows(columns=columns, count=4, seen=4), late, [])
    assert (found.labels.size, found.unusable) == (0, {"": 3})


@pytest.mark.parametrize(
    ("label_fn", "reason"),
    [
        (lambda columns: columns["tips"], "asks for the column 'tips', which no labelled row has"),
        (lambda _: np.zeros(3), r"expected an array of shape \(4,\), received \(3,\)"),
        (lambda _: np.array([0, 1, 2, np.nan]), "expected 0, 1 or NaN, received 2"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(label_fn, reason):
    with pytest.raises(LabelsError, match=reason):
        score(ROWS, label_fn, [])


def test_functions_are_found_by_their_path():
    assert function("pipelines.flights.labels.late")(
        {"arr_delay": np.array([15.0, 16.0])}
    ).tolist() == [0.0, 1.0]
    for path in ("pipelines.flights.labels.early", "nowhere.late", "late"):
        with pytest.raises(LabelsError, match="expected the import path of a function"):
            function(path)
