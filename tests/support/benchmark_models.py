"""A small model with the taxi model's signature by examples; imports TensorFlow."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class Fares(tf.Module):
    """Says a hundredth of each trip's fare."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"fare": tf.io.FixedLenFeature([1], tf.float32)}
        return {"outputs": tf.io.parse_example(examples, spec)["fare"] / 100}


def fares(folder: Path) -> Path:
    """Writes a version's folder and returns it."""
    module = Fares()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder
