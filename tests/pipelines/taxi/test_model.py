from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from pipelines.taxi import dataset, features, model


def test_a_place_is_spread_over_the_buckets_below_it() -> None:
    spread = keras.ops.convert_to_numpy(model.spread(np.array([[0.625], [0.0], [1.0]]), buckets=4))

    assert spread.tolist() == [[1, 1, 0.5, 0], [0, 0, 0, 0], [1, 1, 1, 1]]


def test_an_ordinal_id_is_counted_up() -> None:
    counted = keras.ops.convert_to_numpy(model.counted_up(np.array([[3], [0], [5]]), 6))

    np.testing.assert_array_equal(counted, [[1, 1, 1, 0, 0], [0] * 5, [1] * 5])


def test_the_last_batch_of_an_epoch_may_be_smaller() -> None:
    assert [model.steps_per_epoch(rows, 256) for rows in (1, 256, 257)] == [1, 1, 2]


def test_hyperparameters_size_the_network() -> None:
    built = model.build_model({"units": 32}, steps=10)

    assert built.get_layer("hidden").units == 32


def test_the_same_seed_gives_the_same_model(fn_args: Any) -> None:
    trips, _ = dataset.read_splits(fn_args, tft.TFTransformOutput(fn_args.transform_graph_path))

    def predictions(seed: int) -> np.ndarray:
        trained = model.train_model(trips, epochs=1, batch_size=64, seed=seed)
        return trained.predict(trips.inputs(), verbose=0)

    first = predictions(1)
    np.testing.assert_array_equal(first, predictions(1))
    assert not np.array_equal(first, predictions(2))


def test_run_fn_trains_and_exports_with_the_tuned_hyperparameters(fn_args: Any) -> None:
    fn_args.hyperparameters = {"space": [], "values": {"units": 32, "l2": 0.001}}

    model.run_fn(fn_args)

    exported = tf.saved_model.load(fn_args.serving_model_dir)
    assert set(exported.signatures) == {
        features.SERVING_DEFAULT,
        features.SERVING_TENSORS,
        features.CLASSIFICATION,
        features.REGRESSION,
        features.TRANSFORM_FEATURES,
    }
    widths = {variable.shape[-1] for variable in exported.trainable if len(variable.shape) == 2}
    assert 32 in widths
    history = Path(fn_args.model_run_dir, "history.csv").read_text().splitlines()
    assert history[0].startswith("epoch,log_loss,loss,val_log_loss")
    assert len(history) == 1 + fn_args.custom_config["epochs"]


def test_run_fn_refuses_a_label_that_is_constant(fn_args: Any, tmp_path: Path) -> None:
    constant = tmp_path / "constant.gz"
    with tf.io.TFRecordWriter(str(constant), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in tf.data.TFRecordDataset(fn_args.train_files, "GZIP").as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            example.features.feature[features.TRANSFORMED_LABEL].int64_list.value[:] = [0]
            writer.write(example.SerializeToString())
    fn_args.train_files = [str(constant)]

    with pytest.raises(ValueError, match=r"'tips'.*only 0 in all 300 training rows"):
        model.run_fn(fn_args)
    assert not Path(fn_args.serving_model_dir).exists()
