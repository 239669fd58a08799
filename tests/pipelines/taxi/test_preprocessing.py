from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from pipelines.taxi import features, preprocessing

if TYPE_CHECKING:
    from tests.pipelines.taxi.conftest import Row, Transformed

EDGES = tf.constant([[2.0, 4.0, 6.0, 10.0, 20.0]])


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (8.0, 0.625),  # half way through the third of four
        (1.0, 0.0),
        (2.0, 0.0),
        (4.0, 0.25),
        (20.0, 1.0),
        (700.0, 1.0),
    ],
)
def test_a_number_becomes_its_place_among_the_quantiles(value: float, place: float) -> None:
    assert preprocessing.quantile_places(tf.constant([[value]]), EDGES).numpy() == [[place]]


@pytest.mark.parametrize(("value", "place"), [(-1.0, 0.0), (0.0, 0.5), (2.0, 0.75), (4.0, 1.0)])
def test_a_value_that_fills_whole_buckets_lies_past_them(value: float, place: float) -> None:
    edges = tf.constant([[0.0, 0.0, 0.0, 2.0, 4.0]])

    assert preprocessing.quantile_places(tf.constant([[value]]), edges).numpy() == [[place]]


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


def test_terms_are_numbered_from_one_and_others_are_zero() -> None:
    ids = preprocessing.term_ids(tf.constant(["b", "a", "", "z"]), ("a", "b"))

    assert ids.numpy().tolist() == [2, 1, 0, 0]


def test_hashed_ids_leave_zero_for_a_missing_text() -> None:
    ids = preprocessing.hashed_ids(tf.constant(["", "x", "y", "x"]), 8).numpy()

    assert ids[0] == 0
    assert ids[1] == ids[3]
    assert (ids[1:] >= 1).all()
    assert (ids < 8).all()


def test_integers_that_are_no_ids_become_zero() -> None:
    ids = preprocessing.known_ids(tf.constant([0, 1, 23, 24, -1], tf.int64), 24)

    assert ids.numpy().tolist() == [0, 1, 23, 0, 0]


def test_missing_values_are_filled() -> None:
    numbers = tf.SparseTensor([[1, 0]], [5.0], [3, 1])
    texts = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.constant([], tf.string), [2, 0])

    assert preprocessing.fill_missing(numbers).numpy().tolist() == [0.0, 5.0, 0.0]
    assert preprocessing.fill_missing(texts).numpy().tolist() == [b"", b""]


def test_a_small_table_is_transformed_as_computed_by_hand(
    transform: Callable[[list[Row]], Transformed], make_row: Callable[..., Any]
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
    assert set(values) == {
        features.transformed_name(name) for name in (*features.INPUTS, features.LABEL)
    }
