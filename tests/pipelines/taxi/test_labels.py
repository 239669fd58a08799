"""The label from arrays agrees with the label that Transform makes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pipelines.taxi.labels import big_tip
from pipelines.taxi.preprocessing import big_tips


def test_it_is_the_label_of_training() -> None:
    generator = np.random.default_rng(0)
    fare = np.round(generator.uniform(0, 60, 5000), 2)
    tips = np.round(generator.uniform(0, 12, 5000), 2)
    # Exactly a fifth of the fare, in decimals: what rounding makes of it has to be the same.
    fare[:1000] = np.arange(1000) * 0.25
    tips[:1000] = np.arange(1000) * 0.05
    expected = big_tips(tf.constant(tips, tf.float32), tf.constant(fare, tf.float32)).numpy()
    found = big_tip({"tips": tips, "fare": fare})
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(found, expected)


def test_a_tip_that_is_not_known_tells_nothing_and_a_missing_fare_counts_as_none() -> None:
    nan = np.nan
    columns = {"tips": np.array([nan, 1.0, 0.0, 3.0]), "fare": np.array([10.0, nan, nan, 10.0])}
    # Transform fills a missing fare with 0, so that any tip is a big one.
    np.testing.assert_array_equal(big_tip(columns), [nan, 1.0, 0.0, 1.0])


def test_no_rows_have_no_labels() -> None:
    assert big_tip({"tips": np.empty(0), "fare": np.empty(0)}).shape == (0,)
