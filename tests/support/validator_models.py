"""Models and examples for tests of `ServingValidator`; imports TensorFlow.

Examples have two columns of floats, `fare` and `miles`, and a text, `company`. Builders write a
SavedModel into a folder and return the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

_SPEC = {
    "fare": tf.io.FixedLenFeature([], tf.float32),
    "miles": tf.io.FixedLenFeature([], tf.float32),
}
_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


def examples(count: int) -> list[bytes]:
    """Returns serialized tf.Examples: fares 1.5, 2.5, ..., miles 0, 1, ..., companies A and B."""
    made = []
    for index in range(count):
        example = tf.train.Example()
        feature = example.features.feature
        feature["fare"].float_list.value.append(index + 1.5)
        feature["miles"].float_list.value.append(index)
        feature["company"].bytes_list.value.append(b"AB"[index % 2 : index % 2 + 1])
        made.append(example.SerializeToString())
    return made


def write_examples(path: Path, serialized: Iterable[bytes]) -> None:
    """Writes examples as ExampleGen does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for example in serialized:
            writer.write(example)


class _Prices(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.per_mile = tf.Variable(2.0)

    def by_examples(self, examples: Any) -> Any:
        parsed = tf.io.parse_example(examples, _SPEC)
        return self.by_columns(parsed["fare"], parsed["miles"])

    def by_columns(self, fare: Any, miles: Any) -> Any:
        price = fare + self.per_mile * miles
        return {"price": price, "class": tf.where(price > 5, "high", "low")}


def prices(folder: Path) -> Path:
    """`serving_default` by `examples`, `columns` by `fare` and `miles`, `other` by `weight`."""
    module = _Prices()
    column = {name: tf.TensorSpec([None], tf.float32, name=name) for name in _SPEC}
    weight = tf.TensorSpec([None], tf.float32, name="weight")
    signatures = {
        "serving_default": _traced(module.by_examples, _EXAMPLES),
        "columns": _traced(module.by_columns, **column),
        "other": _traced(lambda weight: {"same": tf.identity(weight)}, weight),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def by_weight(folder: Path) -> Path:
    """`serving_default` by `weight`, which examples have not."""
    module = tf.Module()
    weight = tf.TensorSpec([None], tf.float32, name="weight")
    double = _traced(lambda weight: {"double": 2 * weight}, weight)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": double})
    return folder


def counting(folder: Path) -> Path:
    """Answers each call with how many there have been."""

    class Counting(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = tf.Variable(0.0)

        def count(self, examples: Any) -> Any:
            return {"calls": tf.fill([tf.size(examples)], self.calls.assign_add(1.0))}

    module = Counting()
    signatures = {"serving_default": _traced(module.count, _EXAMPLES)}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def random(folder: Path) -> Path:
    """Answers with random numbers, so that no two computations agree."""
    module = tf.Module()
    noise = _traced(lambda examples: {"noise": tf.random.uniform([tf.size(examples)])}, _EXAMPLES)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": noise})
    return folder


def keras_as_it_is(folder: Path) -> Path:
    """A Keras 3 model saved without further ado, which TensorFlow 1's loader cannot use."""
    import keras

    model = keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)])

    def serve(examples: Any) -> Any:
        parsed = tf.io.parse_example(examples, _SPEC)
        return {"outputs": model(tf.stack([parsed["fare"], parsed["miles"]], axis=1))}

    tf.saved_model.save(
        model, str(folder), signatures={"serving_default": _traced(serve, _EXAMPLES)}
    )
    return folder


def _traced(function: Callable[..., Any], *specs: Any, **named: Any) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*specs, **named)
