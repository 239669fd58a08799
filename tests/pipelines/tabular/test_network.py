from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from pipelines.tabular import network
from pipelines.taxi.features import COLUMNS
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from transformed_rows import Transformed


def test_a_place_is_spread_over_the_buckets_below_it() -> None:
    spread = keras.ops.convert_to_numpy(
        network.spread(np.array([[0.625], [0.0], [1.0]]), buckets=4)
    )

    assert spread.tolist() == [[1, 1, 0.5, 0], [0, 0, 0, 0], [1, 1, 1, 1]]


def test_an_ordinal_id_is_counted_up() -> None:
    counted = keras.ops.convert_to_numpy(network.counted_up(np.array([[3], [0], [5]]), 6))

    np.testing.assert_array_equal(counted, [[1, 1, 1, 0, 0], [0] * 5, [1] * 5])


def test_the_last_batch_of_an_epoch_may_be_smaller() -> None:
    assert [network.steps_per_epoch(rows, 256) for rows in (1, 256, 257)] == [1, 1, 2]


def test_hyperparameters_size_the_network() -> None:
    built = network.build(TASK, {"units": 32}, steps=10)

    assert built.get_layer("hidden").units == 32


def test_the_same_seed_gives_the_same_model(trips: Transformed) -> None:
    rows = trips.stacked(COLUMNS)

    def predictions(seed: int) -> np.ndarray:
        schedule = network.Schedule(epochs=1, batch_size=64, seed=seed)
        return network.train(TASK, rows, schedule=schedule).predict(rows.inputs(), verbose=0)

    first = predictions(1)
    np.testing.assert_array_equal(first, predictions(1))
    assert not np.array_equal(first, predictions(2))
