from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipelines.tabular import columns, training
from pipelines.taxi.task import TASK


def test_a_run_trains_and_exports_with_the_tuned_hyperparameters(fn_args: Any) -> None:
    fn_args.hyperparameters = {"space": [], "values": {"units": 32, "l2": 0.001}}

    training.run(fn_args, TASK)

    exported = tf.saved_model.load(fn_args.serving_model_dir)
    assert set(exported.signatures) == {
        columns.SERVING_DEFAULT,
        columns.SERVING_TENSORS,
        columns.CLASSIFICATION,
        columns.REGRESSION,
        columns.TRANSFORM_FEATURES,
    }
    widths = {variable.shape[-1] for variable in exported.trainable if len(variable.shape) == 2}
    assert 32 in widths
    history = Path(fn_args.model_run_dir, "history.csv").read_text().splitlines()
    assert history[0].startswith("epoch,log_loss,loss,val_log_loss")
    assert len(history) == 1 + fn_args.custom_config["epochs"]


def test_a_run_refuses_a_label_that_is_constant(fn_args: Any, tmp_path: Path) -> None:
    constant = tmp_path / "constant.gz"
    with tf.io.TFRecordWriter(str(constant), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in tf.data.TFRecordDataset(fn_args.train_files, "GZIP").as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            example.features.feature["tips_xf"].int64_list.value[:] = [0]
            writer.write(example.SerializeToString())
    fn_args.train_files = [str(constant)]

    with pytest.raises(ValueError, match=r"'tips'.*only 0 in all 300 training rows"):
        training.run(fn_args, TASK)
    assert not Path(fn_args.serving_model_dir).exists()
