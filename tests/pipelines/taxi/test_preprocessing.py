from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf
from taxi_rows import make_row

from pipelines.tabular.columns import transformed_name
from pipelines.taxi import preprocessing
from pipelines.taxi.features import COLUMNS

if TYPE_CHECKING:
    from transformed_rows import Row, Transformed


@pytest.mark.parametrize(
    ("tips", "fare", "big"),
    [
        (2.01, 10.0, 1),
        (2.0, 10.0, 0),  # exactly 20 % is not above
        (0.0, 10.0, 0),
        (1.0, 0.0, 1),
        (0.0, 0.0, 0),
        (5.0, math.nan, 0),
        (math.nan, 5.0, 0),
    ],
)
def test_a_tip_is_big_above_a_fifth_of_the_fare(tips: float, fare: float, big: int) -> None:
    label = preprocessing.big_tips(tips=tf.constant([tips]), fare=tf.constant([fare]))

    assert label.dtype == tf.int64
    assert label.numpy() == [big]


def test_a_small_table_is_transformed_as_computed_by_hand(
    transform: Callable[[list[Row]], Transformed],
) -> None:
    # With fares of 1 to 133 dollars and 32 + 2 buckets the 33 inner edges are every fourth fare.
    fares = [float(fare) for fare in range(1, 134)]
    rows = [make_row(fare=fare, tips=10.0) for fare in fares]
    rows[0] |= {"payment_type": "Credit Card", "trip_start_hour": 23}
    del rows[0]["company"], rows[0]["pickup_community_area"]

    values = transform(rows).values

    first = {name: column[0] for name, column in values.items()}
    assert first["payment_type_xf"] == 2
    assert first["trip_start_hour_xf"] == 23
    assert first["company_xf"] == 0
    assert first["pickup_community_area_xf"] == 0
    assert first["dropoff_community_area_xf"] == 32
    # 10 dollars are more than a fifth of fares below 50.
    assert values["tips_xf"].tolist() == [1] * 49 + [0] * 84
    places = values["fare_xf"]
    assert (np.diff(places) >= 0).all()
    assert places[0] == 0.0
    assert places[-1] == 1.0
    np.testing.assert_allclose(places[66], 0.5, atol=0.02)  # the median
    # Every other numeric column is constant: all its quantiles are equal.
    assert set(values["trip_miles_xf"].tolist()) == {1.0}
    assert set(values) == {transformed_name(name) for name in (*COLUMNS.inputs, COLUMNS.label)}
