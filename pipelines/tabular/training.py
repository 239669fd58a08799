"""Trains a network and saves it: what a pipeline's `run_fn` calls.

The network itself is left to `pipelines.tabular.network`, its saved form to
`pipelines.tabular.export`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow_transform as tft

from pipelines.tabular import dataset, export, network
from pipelines.tabular.task import Task

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

_SCHEDULE = [field.name for field in dataclasses.fields(network.Schedule)]


def run(fn_args: FnArgs, task: Task) -> None:
    """Trains a network and saves it to `fn_args.serving_model_dir`.

    `fn_args.custom_config` holds epochs, batch_size and seed. The number of steps follows from the
    epochs, so that `train_args.num_steps` is not looked at. Loss and metrics of each epoch go
    to `history.csv` in `fn_args.model_run_dir`.

    Raises:
        KeyError: One of them is missing.
        ValueError: There are no training rows, or all have the same label.
    """
    config = fn_args.custom_config
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    train, evaluation = dataset.read_splits(fn_args, transform_output, task)
    model = network.train(
        task,
        train,
        evaluation,
        schedule=network.Schedule(**{name: config[name] for name in _SCHEDULE}),
        hyperparameters=(fn_args.hyperparameters or {}).get("values", {}),
        callbacks=_callbacks(fn_args),
    )
    export.save(model, transform_output, task.columns, fn_args.serving_model_dir)


def _callbacks(fn_args: FnArgs) -> list[Any]:
    if not fn_args.model_run_dir:
        return []
    folder = Path(fn_args.model_run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return [keras.callbacks.CSVLogger(str(folder / "history.csv"))]
