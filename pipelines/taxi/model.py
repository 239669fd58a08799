"""The taxi model: a small network over places and ids, and the function that Trainer calls.

Each numeric feature arrives as one place in [0, 1] among the training data's quantiles, and is
spread over as many inputs as there are buckets: with four buckets 0.625 becomes (1, 1, 0.5, 0). A
single weight per bucket then draws any curve over the value, which is what a fare needs: tips come
in whole dollars, so that "above 20 %" flips at 5, 10 and 15 dollars. An id whose order means
something is counted up in the same way (3 of 5 becomes 1, 1, 1, 0, 0), so that neighbours share
what they learn; another becomes a one-hot vector. All of it feeds a hidden layer and, past that,
the output directly (wide and deep).

Reading the data is left to `pipelines.taxi.dataset`, saving the model to `pipelines.taxi.export`.

Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning";
Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow_transform as tft

from pipelines.taxi import dataset, export, features
from pipelines.taxi.search_space import DEFAULTS

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

_DROPOUT = 0.5
# Of what run_fn is given without a pipeline's configuration.
_EPOCHS, _BATCH_SIZE, _SEED = 12, 256, 0


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model and saves it to `fn_args.serving_model_dir`.

    `fn_args.custom_config` may hold epochs, batch_size, seed and label. The number of steps follows
    from the epochs, so that `train_args.num_steps` is not looked at. Loss and metrics of each epoch
    go to `history.csv` in `fn_args.model_run_dir`.

    Raises:
        ValueError: There are no training rows, or all have the same label.
    """
    config = fn_args.custom_config or {}
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    train, evaluation = dataset.read_splits(fn_args, transform_output)
    callbacks = []
    if fn_args.model_run_dir:
        Path(fn_args.model_run_dir).mkdir(parents=True, exist_ok=True)
        callbacks.append(keras.callbacks.CSVLogger(str(Path(fn_args.model_run_dir, "history.csv"))))
    model = train_model(
        train,
        evaluation,
        hyperparameters=(fn_args.hyperparameters or {}).get("values", {}),
        epochs=config.get("epochs", _EPOCHS),
        batch_size=config.get("batch_size", _BATCH_SIZE),
        seed=config.get("seed", _SEED),
        callbacks=callbacks,
    )
    export.save(model, transform_output, fn_args.serving_model_dir)


def train_model(
    train: dataset.Trips,
    evaluation: dataset.Trips | None = None,
    *,
    hyperparameters: Mapping[str, float] = DEFAULTS,
    epochs: int = _EPOCHS,
    batch_size: int = _BATCH_SIZE,
    seed: int = _SEED,
    callbacks: list[Any] | None = None,
) -> keras.Model:
    """Returns a model trained on `train`; the same seed gives the same model.

    Args:
        train: What is learned from.
        evaluation: What each epoch is measured on; nothing is chosen by it.
        hyperparameters: Values by the names of `search_space`; missing ones take their default.
        epochs: Passes over the training data.
        batch_size: Rows per step.
        seed: Of the weights, the order of the rows and the dropout.
        callbacks: Keras callbacks.
    """
    keras.utils.set_random_seed(seed)
    model = build_model(
        hyperparameters, steps=epochs * steps_per_epoch(len(train.big_tip), batch_size)
    )
    model.fit(
        train.inputs(),
        train.targets(),
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(evaluation.inputs(), evaluation.targets()) if evaluation else None,
        validation_batch_size=4096,
        callbacks=callbacks,
        verbose=0,
    )
    return model


def build_model(hyperparameters: Mapping[str, float], *, steps: int) -> keras.Model:
    """Returns a compiled model with weights drawn from Keras's seed.

    Args:
        hyperparameters: Values by the names of `search_space`; missing ones take their default.
        steps: Training steps in all, over which the learning rate falls to 0 along a cosine.
    """
    chosen = {**DEFAULTS, **hyperparameters}

    def dense(units: int, name: str, **options: Any) -> keras.layers.Dense:
        penalty = keras.regularizers.L2(chosen["l2"])
        return keras.layers.Dense(units, kernel_regularizer=penalty, name=name, **options)

    numeric = keras.Input((len(features.NUMERIC),), dtype="float32", name="numeric")
    ids = keras.Input((len(features.CATEGORICAL),), dtype="int32", name="ids")
    encoded = keras.layers.Concatenate(name="encoded")(
        [
            *(spread(numeric[:, i : i + 1]) for i in range(len(features.NUMERIC))),
            *(
                counted_up(ids[:, i : i + 1], size)
                if name in features.ORDINAL
                else keras.ops.one_hot(ids[:, i], size)
                for i, (name, size) in enumerate(features.CATEGORICAL.items())
            ),
        ]
    )
    hidden = dense(int(chosen["units"]), "hidden", activation="relu")(encoded)
    deep = dense(1, "deep")(keras.layers.Dropout(_DROPOUT, name="dropout")(hidden))
    wide = dense(1, "wide", use_bias=False, kernel_initializer="zeros")(encoded)
    output = keras.layers.Activation("sigmoid", name="probability")(
        keras.layers.Add(name="logit")([deep, wide])
    )
    model = keras.Model({"numeric": numeric, "ids": ids}, output, name="taxi")
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


def spread(place: Any, buckets: int = features.QUANTILE_BUCKETS) -> Any:
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
