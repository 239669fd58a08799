"""From a raw departure to what the model reads: the function that Transform traces."""

from collections.abc import Mapping

import tensorflow as tf

from pipelines.flights import features
from pipelines.tabular import preprocessing


def preprocessing_fn(inputs: Mapping[str, preprocessing.Column]) -> dict[str, tf.Tensor]:
    """Returns the transformed features and the label, as `preprocessing.transformed` does."""
    label = late(preprocessing.fill_missing(inputs[features.LABEL]))
    return preprocessing.transformed(inputs, features.COLUMNS, label)


def late(delay_minutes: tf.Tensor) -> tf.Tensor:
    """Returns int64 1 where a flight arrived more than 15 minutes after its time, else 0."""
    return tf.cast(delay_minutes > features.LATE_MINUTES, tf.int64)
