"""A small network over places and ids.

Each numeric column arrives as one place in [0, 1] among the training data's quantiles, and is
spread over as many inputs as there are buckets: with four buckets 0.625 becomes (1, 1, 0.5, 0). A
single weight per bucket then draws any curve over the value, which is what a taxi fare needs: tips
come in whole dollars, so that "above 20 %" flips at 5, 10 and 15 dollars. An id whose order means
something is counted up in the same way (3 of 5 becomes 1, 1, 1, 0, 0), so that neighbours share
what they learn; another becomes a one-hot vector. All of it feeds a hidden layer and, past that,
the output directly (wide and deep).

Reading the data is left to `pipelines.tabular.dataset`, saving to `pipelines.tabular.export`.

Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning";
Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras

from pipelines.tabular.dataset import Rows
from pipelines.tabular.task import Task

_DROPOUT = 0.5
EVALUATION_BATCH_SIZE = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and in which order rows are looked at.

    Attributes:
        epochs: Passes over the training data.
        batch_size: Rows per step.
        seed: Of the weights, the order of the rows and the dropout.
    """

    epochs: int
    batch_size: int
    seed: int


def train(
    task: Task,
    rows: Rows,
    evaluation: Rows | None = None,
    *,
    schedule: Schedule,
    hyperparameters: Mapping[str, float] | None = None,
    callbacks: list[Any] | None = None,
) -> keras.Model:
    """Returns a network trained on `rows`; the same seed gives the same network.

    Args:
        task: Whose columns the rows have.
        rows: What is learned from.
        evaluation: What each epoch is measured on; nothing is chosen by it.
        schedule: How long and in which order rows are looked at.
        hyperparameters: Values by the names of the search space; missing ones take their default.
        callbacks: Keras callbacks.
    """
    keras.utils.set_random_seed(schedule.seed)
    steps = schedule.epochs * steps_per_epoch(len(rows.label), schedule.batch_size)
    model = build(task, hyperparameters or {}, steps=steps)
    model.fit(
        rows.inputs(),
        rows.targets(),
        batch_size=schedule.batch_size,
        epochs=schedule.epochs,
        validation_data=(evaluation.inputs(), evaluation.targets()) if evaluation else None,
        validation_batch_size=EVALUATION_BATCH_SIZE,
        callbacks=callbacks,
        verbose=0,
    )
    return model


def build(task: Task, hyperparameters: Mapping[str, float], *, steps: int) -> keras.Model:
    """Returns a compiled network with weights drawn from Keras's seed.

    Args:
        task: Whose columns are read.
        hyperparameters: Values by the names of the search space; missing ones take their default.
        steps: Training steps in all, over which the learning rate falls to 0 along a cosine.
    """
    columns, chosen = task.columns, {**task.defaults, **hyperparameters}

    def dense(units: int, name: str, **options: Any) -> keras.layers.Dense:
        penalty = keras.regularizers.L2(chosen["l2"])
        return keras.layers.Dense(units, kernel_regularizer=penalty, name=name, **options)

    numeric = keras.Input((len(columns.numeric),), dtype="float32", name="numeric")
    ids = keras.Input((len(columns.categorical),), dtype="int32", name="ids")
    encoded = keras.layers.Concatenate(name="encoded")(
        [
            *(
                spread(numeric[:, i : i + 1], columns.quantile_buckets)
                for i in range(len(columns.numeric))
            ),
            *(
                counted_up(ids[:, i : i + 1], size)
                if name in columns.ordinal
                else keras.ops.one_hot(ids[:, i], size)
                for i, (name, size) in enumerate(columns.categorical.items())
            ),
        ]
    )
    hidden = dense(int(chosen["units"]), "hidden", activation="relu")(encoded)
    deep = dense(1, "deep")(keras.layers.Dropout(_DROPOUT, name="dropout")(hidden))
    wide = dense(1, "wide", use_bias=False, kernel_initializer="zeros")(encoded)
    output = keras.layers.Activation("sigmoid", name="probability")(
        keras.layers.Add(name="logit")([deep, wide])
    )
    model = keras.Model({"numeric": numeric, "ids": ids}, output, name=task.name)
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(chosen["learning_rate"], steps)
        ),
        loss="binary_crossentropy",
        # The loss without the penalty on weights, so that models of different penalty compare.
        metrics=[keras.metrics.BinaryCrossentropy(name="log_loss")],
        jit_compile=False,  # compiling takes longer than all training steps
    )
    return model


def spread(place: Any, buckets: int) -> Any:
    """Returns how much of each bucket lies below a place.

    Args:
        place: Shape `(batch, 1)`, in [0, 1].
        buckets: Number of buckets.

    Returns:
        Shape `(batch, buckets)`: ones, then at most one fraction, then zeros.
    """
    starts = keras.ops.reshape(keras.ops.arange(buckets, dtype="float32"), (1, buckets))
    return keras.ops.clip(place * buckets - starts, 0.0, 1.0)


def counted_up(ids: Any, size: int) -> Any:
    """Returns ones up to each id and zeros past it.

    Args:
        ids: Shape `(batch, 1)`, in [0, size).
        size: Number of ids.

    Returns:
        Float32 of shape `(batch, size - 1)`.
    """
    steps = keras.ops.reshape(keras.ops.arange(1, size, dtype="int32"), (1, size - 1))
    return keras.ops.cast(ids >= steps, "float32")


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Returns the number of batches, of which the last may be smaller."""
    return -(-rows // batch_size)
