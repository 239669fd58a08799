"""Saves a network with its preprocessing, in a form that every loader reads.

Signatures of the SavedModel:

    serving_default      examples: serialized tf.Examples      -> outputs: P(label), (batch, 1)
    serving_tensors      the columns of `Columns.inputs`,      -> outputs: P(label), (batch, 1)
                         each of shape (batch,)
    classification       inputs: serialized tf.Examples        -> classes: "0" and "1", (batch, 2),
                                                                  scores: their probabilities
    regression           inputs: serialized tf.Examples        -> outputs: P(label), (batch, 1)
    transform_features   examples: serialized tf.Examples,     -> what Transform makes of them,
                         with the label's columns                 label included

Classify and Regress of TensorFlow Serving are answered by `classification` and `regression`, whose
names of inputs and outputs are those that these calls ask for.

Features of an example that no column names, such as an identifier, are not looked at. In
`serving_tensors` a missing value is "" for a text, 0 for an integer and NaN for a float.

A Keras 3 model saved as it is loads in TensorFlow 2 and not in TensorFlow Serving, which follows
the loader of TensorFlow 1 ("Could not find variable dense/bias"): the names that restoring fills
are not those that the graph reads. So the weights are copied to variables of a plain `tf.Module`,
and the Keras model is only traced, as a function of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from pipelines.tabular.columns import (
    CLASSIFICATION,
    REGRESSION,
    SERVING_DEFAULT,
    SERVING_TENSORS,
    TRANSFORM_FEATURES,
    Columns,
    transformed_name,
)

PREDICTION = "outputs"
CLASSES = ("0", "1")

Tensors = Mapping[str, Any]


class ServingModule(tf.Module):
    """Preprocessing and model as functions of one set of variables.

    Args:
        model: Takes numeric places and ids, as built by `pipelines.tabular.network`. Later training
            does not change this module.
        transform_output: What Transform learned.
        columns: What the model reads.
    """

    def __init__(
        self, model: keras.Model, transform_output: tft.TFTransformOutput, columns: Columns
    ) -> None:
        super().__init__(name=model.name)
        # TFT's own layer is one of Keras 2, and saving it traces it anew for seconds.
        self.transform = tf.saved_model.load(transform_output.transform_savedmodel_dir)
        self.trainable = _copies(model.trainable_variables)
        self.fixed = _copies(model.non_trainable_variables)
        self._raw_spec = transform_output.raw_feature_spec()
        self._columns = columns
        # In a closure, where SavedModel does not find and save it.
        self._stateless = lambda inputs: model.stateless_call(
            self.trainable, self.fixed, inputs, training=False
        )[0]

    def signatures(self) -> dict[str, Any]:
        """Returns the signatures by name, traced."""
        serialized = tf.TensorSpec([None], tf.string, name="examples")
        inputs = tf.TensorSpec([None], tf.string, name="inputs")
        tensors = {
            name: tf.TensorSpec([None], self._raw_spec[name].dtype, name=name)
            for name in self._columns.inputs
        }
        return {
            SERVING_DEFAULT: _traced(self._predict_examples, serialized),
            SERVING_TENSORS: _traced(self._predict_tensors, **tensors),
            CLASSIFICATION: _traced(self._classify_examples, inputs),
            REGRESSION: _traced(self._predict_examples, inputs),
            TRANSFORM_FEATURES: _traced(self._transform_examples, serialized),
        }

    def _predict_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._predict(self._parse(examples, self._columns.inputs))

    def _classify_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        positive = self._predict_examples(examples)[PREDICTION]
        return {
            "classes": tf.tile(tf.constant([CLASSES]), [tf.shape(positive)[0], 1]),
            "scores": tf.concat([1 - positive, positive], axis=1),
        }

    def _predict_tensors(self, **columns: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._predict(
            {name: _as_parsed(column, self._raw_spec[name]) for name, column in columns.items()}
        )

    def _transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._transform(self._parse(examples, (*self._columns.inputs, self._columns.label)))

    def _parse(self, examples: tf.Tensor, names: tuple[str, ...]) -> Tensors:
        parsed: Tensors = tf.io.parse_example(examples, {n: self._raw_spec[n] for n in names})
        return parsed

    def _transform(self, raw: Tensors) -> dict[str, tf.Tensor]:
        # Transform's graph asks for every column; what comes of those left out is not looked at.
        rows = tf.shape(raw[self._columns.inputs[0]])[0]
        absent = self._raw_spec.keys() - raw.keys()
        left_out = {name: _absent(self._raw_spec[name], rows) for name in absent}
        transformed: dict[str, tf.Tensor] = self.transform.transform_fn({**raw, **left_out})
        return transformed

    def _predict(self, raw: Tensors) -> dict[str, tf.Tensor]:
        transformed = self._transform(raw)

        def stacked(names: Any, dtype: tf.DType) -> tf.Tensor:
            columns = [transformed[transformed_name(name)] for name in names]
            return tf.stack([tf.cast(column, dtype) for column in columns], axis=1)

        inputs = {
            "numeric": stacked(self._columns.numeric, tf.float32),
            "ids": stacked(self._columns.categorical, tf.int32),
        }
        return {PREDICTION: self._stateless(inputs)}


def save(
    model: keras.Model, transform_output: tft.TFTransformOutput, columns: Columns, folder: str
) -> None:
    """Writes the SavedModel of a trained model and its preprocessing to a folder."""
    module = ServingModule(model, transform_output, columns)
    tf.saved_model.save(module, folder, signatures=module.signatures())


def _copies(variables: list[Any]) -> list[tf.Variable]:
    return [
        tf.Variable(variable.numpy(), name=variable.path.replace("/", "_"), trainable=False)
        for variable in variables
    ]


def _traced(function: Any, *args: Any, **kwargs: Any) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*args, **kwargs)


def _as_parsed(column: tf.Tensor, spec: Any) -> Any:
    """Returns a vector in the form that parsing examples by `spec` gives."""
    matrix = column[:, None]
    if isinstance(spec, tf.io.FixedLenFeature):
        return matrix
    return _all_present(matrix)


def _absent(spec: Any, rows: tf.Tensor) -> Any:
    if isinstance(spec, tf.io.FixedLenFeature):
        return tf.zeros([rows, *spec.shape], spec.dtype)
    return tf.SparseTensor(
        tf.zeros([0, 2], tf.int64),
        tf.zeros([0], spec.dtype),
        tf.stack([tf.cast(rows, tf.int64), 0]),
    )


def _all_present(matrix: tf.Tensor) -> tf.SparseTensor:
    rows = tf.shape(matrix, out_type=tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, tf.reshape(matrix, [-1]), tf.stack([rows, 1]))
