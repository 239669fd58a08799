"""The label from arrays agrees with the label that Transform makes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pipelines.flights.labels import late
from pipelines.flights.preprocessing import late as traced


def test_it_is_the_label_of_training() -> None:
    delay = np.arange(-90, 1300)
    expected = traced(tf.constant(delay, tf.int64)).numpy()
    np.testing.assert_array_equal(late({"arr_delay": delay.astype(np.float64)}), expected)
    np.testing.assert_array_equal(late({"arr_delay": delay}), expected)
    assert list(late({"arr_delay": np.array([15.0, 16.0])})) == [0, 1]


def test_a_delay_that_is_not_known_tells_nothing() -> None:
    np.testing.assert_array_equal(late({"arr_delay": np.array([np.nan, 20.0])}), [np.nan, 1.0])
