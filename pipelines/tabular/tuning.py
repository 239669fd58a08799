"""Searches a network's hyperparameters: what a pipeline's `tuner_fn` calls.

What is searched stands in the task; the network itself in `pipelines.tabular.network`, reading the
data is left to `pipelines.tabular.dataset`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
import tensorflow_transform as tft
from tfx.components.tuner.component import TunerFnResult

from pipelines.tabular import dataset, network
from pipelines.tabular.task import Task

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

OBJECTIVE = keras_tuner.Objective("val_log_loss", direction="min")

_ALGORITHMS = {
    "grid": keras_tuner.GridSearch,
    "random": keras_tuner.RandomSearch,
    "bayesian": keras_tuner.BayesianOptimization,
}


def search(fn_args: FnArgs, task: Task) -> TunerFnResult:
    """Returns a tuner over the task's search space and what each of its trials is fitted with.

    `fn_args.custom_config` holds batch_size, seed, and as `tuner` the algorithm, max_trials and
    epochs; their defaults are those of `pipelines.config`. An earlier search in the working folder
    is overwritten.

    Raises:
        KeyError: One of them is missing.
        ValueError: The algorithm is unknown, there are no training rows, or all have the same
            label.
    """
    config = fn_args.custom_config
    wanted, batch_size = config["tuner"], config["batch_size"]
    train, evaluation = dataset.read_splits(
        fn_args, tft.TFTransformOutput(fn_args.transform_graph_path), task
    )
    tuner = make_tuner(
        task,
        algorithm=wanted["algorithm"],
        max_trials=wanted["max_trials"],
        steps=wanted["epochs"] * network.steps_per_epoch(len(train.label), batch_size),
        seed=config["seed"],
        folder=Path(fn_args.working_dir),
    )
    return TunerFnResult(
        tuner=tuner,
        fit_kwargs={
            "x": train.inputs(),
            "y": train.targets(),
            "batch_size": batch_size,
            "epochs": wanted["epochs"],
            "validation_data": (evaluation.inputs(), evaluation.targets()),
            "validation_batch_size": network.EVALUATION_BATCH_SIZE,
            "verbose": 0,
        },
    )


def make_tuner(
    task: Task, *, algorithm: str, max_trials: int, steps: int, seed: int, folder: Path
) -> keras_tuner.Tuner:
    """Returns a tuner that has tried nothing yet.

    Args:
        task: Whose search space is searched.
        algorithm: "grid", "random" or "bayesian".
        max_trials: Combinations that are tried at most.
        steps: Training steps of a trial.
        seed: Of the choice of combinations and, in each trial, of the network's weights.
        folder: Where trials are kept; those of an earlier search are removed.

    Raises:
        ValueError: The algorithm is unknown.
    """
    if algorithm not in _ALGORITHMS:
        raise ValueError(
            f"tuner.algorithm: expected one of {', '.join(_ALGORITHMS)}, received {algorithm!r}"
        )

    def build(hyperparameters: keras_tuner.HyperParameters) -> keras.Model:
        keras.utils.set_random_seed(seed)
        values = chosen(hyperparameters, task.search_space, task.defaults)
        return network.build(task, values, steps=steps)

    return _ALGORITHMS[algorithm](
        build,
        objective=OBJECTIVE,
        max_trials=max_trials,
        # KerasTuner takes 0 for no seed, and draws one.
        seed=seed or 2**32 - 1,
        directory=str(folder),
        project_name=task.name,
        overwrite=True,
    )


def chosen(
    hyperparameters: keras_tuner.HyperParameters,
    space: Mapping[str, Sequence[float]],
    defaults: Mapping[str, float],
) -> dict[str, Any]:
    """Declares a search space and returns the values that stand for this trial."""
    return {
        name: hyperparameters.Choice(name, list(values), default=defaults[name])
        for name, values in space.items()
    }
