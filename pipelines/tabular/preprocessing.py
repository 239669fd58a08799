"""From raw columns to what a network reads: what a pipeline's `preprocessing_fn` is made of.

Transform traces it about ten times and runs a group of Beam stages per analyzer, so there is one
analyzer only, the quantiles of all numeric columns at once.

A numeric value becomes its place among the training data's quantiles, in [0, 1]. With fares
between edges 2, 4, 6, 10 and 20, which make four buckets, a fare of 8 lies half way through the
third: (2 + 0.5) / 4 = 0.625. A missing number or NaN first becomes the value that `Columns.numeric`
gives for it. A categorical value becomes an id, 0 where it is missing or unknown.

How a label is made is left to the pipeline, what the network does with places and ids to
`pipelines.tabular.network`.
"""

from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

from pipelines.tabular.columns import Columns, transformed_name

Column: TypeAlias = tf.Tensor | tf.SparseTensor

# Rank error of the quantiles: a third of a bucket where there are 32.
_QUANTILE_ERROR = 0.01


def transformed(
    inputs: Mapping[str, Column], columns: Columns, label: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the transformed features and the label, for a `preprocessing_fn` to return.

    Args:
        inputs: Raw columns by name, each of shape `(batch, 1)` or sparse with at most one value
            per row.
        columns: Which of them are read, and how.
        label: Shape `(batch,)`.

    Returns:
        Tensors of shape `(batch,)` by transformed name: float32 in [0, 1] for numeric columns,
        int64 ids for categorical ones, and the label as it is.
    """
    numeric = tf.stack(
        [number(inputs[name], missing) for name, missing in columns.numeric.items()], axis=1
    )
    # Two more than the buckets: the outermost ones have no outer edge, their values become 0 and 1.
    edges = tft.quantiles(
        numeric,
        num_buckets=columns.quantile_buckets + 2,
        epsilon=_QUANTILE_ERROR,
        reduce_instance_dims=False,
    )
    places = tf.unstack(quantile_places(numeric, edges), axis=1)
    outputs: dict[str, tf.Tensor] = dict(zip(columns.numeric, places, strict=True))
    for name, terms in columns.vocabulary.items():
        outputs[name] = term_ids(fill_missing(inputs[name]), terms)
    for name, size in columns.hashed.items():
        outputs[name] = hashed_ids(fill_missing(inputs[name]), size)
    for name, size in columns.identity.items():
        outputs[name] = known_ids(fill_missing(inputs[name]), size)
    outputs[columns.label] = label
    return {transformed_name(name): tensor for name, tensor in outputs.items()}


def fill_missing(column: Column, value: float | str | None = None) -> tf.Tensor:
    """Returns a column as a vector, with a value, or else 0 or "", where there is none."""
    if isinstance(column, tf.SparseTensor):
        column = tf.sparse.to_dense(
            tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1]), value
        )
    return tf.squeeze(column, axis=1)


def number(column: Column, missing: float) -> tf.Tensor:
    """Returns a column of numbers as a float32 vector; `missing` stands where there is none."""
    if isinstance(column, tf.SparseTensor):
        column = tf.SparseTensor(
            column.indices, tf.cast(column.values, tf.float32), column.dense_shape
        )
    filled = tf.cast(fill_missing(column, missing), tf.float32)
    return tf.where(tf.math.is_nan(filled), tf.fill(tf.shape(filled), missing), filled)


def quantile_places(values: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
    """Returns where values lie among the edges of buckets, linear within each bucket.

    Args:
        values: Shape `(batch, columns)`, float32 without NaN.
        edges: Shape `(columns, buckets + 1)`, not falling along a row. Equal neighbours make a
            bucket without width; a value more frequent than a whole bucket does that.

    Returns:
        Float32 of the shape of `values`: 0 below the first edge, 1 from the last one on.

    Source: the piecewise linear encoding of Gorishniy et al. 2022, "On Embeddings for Numerical
    Features in Tabular Deep Learning", section 3.2; a place is the sum of its components.
    """
    low, high = edges[:, :-1], edges[:, 1:]
    value = values[:, :, None]
    # (batch, columns, buckets): how much of each bucket lies below the value.
    below = tf.clip_by_value(tf.math.divide_no_nan(value - low, high - low), 0.0, 1.0)
    below = tf.where(value >= high, tf.ones_like(below), below)
    return tf.reduce_mean(below, axis=2)


def term_ids(text: tf.Tensor, terms: tuple[str, ...]) -> tf.Tensor:
    """Returns 1 plus the place of each string among the terms; 0 for any other string."""
    ids = tf.range(1, len(terms) + 1, dtype=tf.int64)
    matches = tf.cast(tf.equal(text[:, None], tf.constant(terms)), tf.int64)
    return tf.reduce_sum(matches * ids, axis=1)


def hashed_ids(text: tf.Tensor, size: int) -> tf.Tensor:
    """Returns int64 ids from 1 to size - 1 by the string's hash; 0 for the empty string."""
    ids = tf.strings.to_hash_bucket_fast(text, size - 1) + 1
    return tf.where(tf.equal(text, ""), tf.zeros_like(ids), ids)


def known_ids(values: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the int64 values that are ids, in [0, size); 0, as for a missing one, for others."""
    return tf.where((values >= 0) & (values < size), values, tf.zeros_like(values))
