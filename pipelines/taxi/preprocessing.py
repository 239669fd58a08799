"""From a raw taxi trip to what the model reads: the function that Transform traces."""

from collections.abc import Mapping

import tensorflow as tf

from pipelines.tabular import preprocessing
from pipelines.taxi import features


def preprocessing_fn(inputs: Mapping[str, preprocessing.Column]) -> dict[str, tf.Tensor]:
    """Returns the transformed features and the label, as `preprocessing.transformed` does."""
    label = big_tips(
        tips=preprocessing.fill_missing(inputs[features.LABEL]),
        fare=preprocessing.fill_missing(inputs[features.FARE]),
    )
    return preprocessing.transformed(inputs, features.COLUMNS, label)


def big_tips(tips: tf.Tensor, fare: tf.Tensor) -> tf.Tensor:
    """Returns int64 1 where the tip is more than 20 % of the fare, else 0.

    A NaN in either gives 0: comparisons with it are false.
    """
    return tf.cast(tips > features.BIG_TIP_SHARE * fare, tf.int64)
