"""Which columns of a table a model reads, and in what form: plain values, without TensorFlow.

    Columns(
        numeric={"fare": 0.0},                       a place among the training data's quantiles
        vocabulary={"payment_type": ("Cash", ...)},  the place of the term, 0 for any other
        hashed={"company": 128},                     one of 128 ids by hash, 0 where missing
        identity={"trip_start_hour": 24},            the number itself is the id
        ...
    )

What is done with a column is left to `pipelines.tabular.preprocessing`, what a network makes of it
to `pipelines.tabular.network`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

# Signatures of an exported model; their inputs and outputs stand in `pipelines.tabular.export`.
SERVING_DEFAULT: Final = "serving_default"
SERVING_TENSORS: Final = "serving_tensors"
TRANSFORM_FEATURES: Final = "transform_features"
CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of one data set.

    Attributes:
        label: What the label is made of.
        numeric: Amounts and lengths, each with the value that stands for a missing one.
        vocabulary: Texts of a closed set. A term's id is its place, from 1 on.
        hashed: Texts of an open set, with the number of ids.
        identity: Small integers that are their own ids, with the number of ids. 0 stands for a
            missing value.
        ordinal: Those of `identity` whose order means something: an hour's neighbours resemble it.
        unused: In the data, and not in the model.
        quantile_buckets: Buckets that a numeric column is cut into.
    """

    label: str
    numeric: Mapping[str, float]
    vocabulary: Mapping[str, tuple[str, ...]]
    hashed: Mapping[str, int]
    identity: Mapping[str, int]
    ordinal: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    quantile_buckets: int

    @property
    def categorical(self) -> dict[str, int]:
        """The number of ids of every categorical column, in the order of the model's inputs."""
        closed = {name: len(terms) + 1 for name, terms in self.vocabulary.items()}
        return {**closed, **self.hashed, **self.identity}

    @property
    def inputs(self) -> tuple[str, ...]:
        """All that a request has to carry."""
        return (*self.numeric, *self.categorical)


def transformed_name(column: str) -> str:
    """Returns the name that Transform gives to what it makes of a column."""
    return f"{column}_xf"
