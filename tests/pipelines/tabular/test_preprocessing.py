from __future__ import annotations

import pytest
import tensorflow as tf

from pipelines.tabular import preprocessing

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


def test_a_missing_number_is_filled_with_its_own_value() -> None:
    floats = tf.SparseTensor([[1, 0], [2, 0]], [5.0, float("nan")], [3, 1])
    integers = tf.SparseTensor([[1, 0]], tf.constant([5], tf.int64), [2, 1])
    dense = tf.constant([[1.5], [float("nan")]])

    assert preprocessing.number(floats, 9.5).numpy().tolist() == [9.5, 5.0, 9.5]
    assert preprocessing.number(integers, 0.0).numpy().tolist() == [0.0, 5.0]
    assert preprocessing.number(dense, -1.0).numpy().tolist() == [1.5, -1.0]
