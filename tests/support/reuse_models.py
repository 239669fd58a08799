"""Models that score one column of examples, for choosing among versions; imports TensorFlow.

Examples have a column of floats for each version, which is what it predicts, and the column
`happened` of which the label is made. Builders return the folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

LABEL = "happened_xf"
_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


def example(columns: Mapping[str, float]) -> bytes:
    """Returns a serialized tf.Example of floats."""
    made = tf.train.Example()
    for name, value in columns.items():
        made.features.feature[name].float_list.value.append(value)
    content: bytes = made.SerializeToString()
    return content


def write_examples(folder: Path, split: str, serialized: Sequence[bytes]) -> None:
    """Writes examples as ExampleGen does."""
    path = folder / f"Split-{split}" / "examples-00000-of-00001.gz"
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for one in serialized:
            writer.write(one)


def scoring(folder: Path, column: str, *, label: str = LABEL) -> Path:
    """`serving_default` returns a column; `transform_features` the label, 1 above 15."""

    class Model(tf.Module):
        @tf.function(input_signature=[_EXAMPLES])
        def predict(self, examples: Any) -> Any:
            return {"outputs": _parsed(examples, column)[:, None]}

        @tf.function(input_signature=[_EXAMPLES])
        def transform(self, examples: Any) -> Any:
            value = _parsed(examples, "happened")
            told = tf.cast(value > 15, tf.float32)
            return {label: tf.where(tf.math.is_nan(value), value, told)}

    model = Model()
    signatures = {"serving_default": model.predict, "transform_features": model.transform}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


def _parsed(examples: Any, column: str) -> Any:
    spec = {column: tf.io.FixedLenFeature([], tf.float32, default_value=float("nan"))}
    return tf.io.parse_example(examples, spec)[column]
