"""Which columns are compared, as what, and their samples. Pure functions.

A column is compared when the schema expects it in the environment. It is taken for categories where
it holds texts, or where the schema says that its numbers are (`bool_domain`, `is_categorical`), and
otherwise for numbers. A column that no example names has no value in any row.

The log holds a share of what was served (`ringway_sampling_rate`), each request as likely as
another; so its rows are a sample as they are, and get no weights.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from components.skew_validator.rows import Rows
from components.skew_validator.sample import CategoricalSample, NumericSample, Sample

# Those of the stages for which TFDV validates a feature.
_VALIDATED_STAGES = (
    schema_pb2.UNKNOWN_STAGE,
    schema_pb2.BETA,
    schema_pb2.PRODUCTION,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feature:
    """What the schema says of a column that is compared.

    Attributes:
        name: Of the column.
        categorical: Whether its values are categories; else they are numbers.
        required: Whether the schema asks for it to be there.
    """

    name: str
    categorical: bool
    required: bool


def features(schema: schema_pb2.Schema, environment: str) -> tuple[Feature, ...]:
    """Returns the features that data of an environment has to be compared by, by name."""
    found = (
        Feature(
            name=feature.name,
            categorical=_is_categorical(feature),
            required=feature.presence.min_count > 0 or feature.presence.min_fraction > 0,
        )
        for feature in schema.feature
        if is_expected(feature, schema, environment) and feature.type != schema_pb2.STRUCT
    )
    return tuple(sorted(found, key=lambda feature: feature.name))


def is_expected(feature: schema_pb2.Feature, schema: schema_pb2.Schema, environment: str) -> bool:
    """Returns whether a schema expects a feature in an environment."""
    if feature.deprecated or feature.lifecycle_stage not in _VALIDATED_STAGES:
        return False
    if environment in feature.not_in_environment:
        return False
    return environment in feature.in_environment or environment in schema.default_environment


def sample_of(rows: Rows, feature: Feature, which: np.ndarray | None = None) -> Sample:
    """Returns the sample of a feature.

    Args:
        rows: What was read.
        feature: Which column, and as what.
        which: The rows to take, shape `(rows,)` and of bool; all by default.
    """
    column = rows.columns.get(feature.name)
    count = rows.count if which is None else int(which.sum())
    if column is None or not column.present.any():
        if feature.categorical:
            return CategoricalSample(counts={}, missing=count)
        return NumericSample.of(np.empty(0), missing=count)
    chosen = column.present if which is None else column.present & which
    values = column.values[chosen]
    missing = count - values.size
    if column.names is not None:
        tally = np.bincount(values, minlength=len(column.names)).tolist()
        counts = {name: number for name, number in zip(column.names, tally, strict=True) if number}
        return CategoricalSample(counts=counts, missing=missing)
    if feature.categorical:
        distinct, tallies = np.unique(values, return_counts=True)
        names = map(_text, distinct.tolist())
        return CategoricalSample(
            counts=dict(zip(names, tallies.tolist(), strict=True)), missing=missing
        )
    return NumericSample.of(values, missing=missing)


def several(rows: Rows) -> tuple[str, ...]:
    """Returns the columns of which a row had more than one value."""
    return tuple(name for name, column in rows.columns.items() if column.several)


def _is_categorical(feature: schema_pb2.Feature) -> bool:
    if feature.type == schema_pb2.BYTES:
        return True
    domain = feature.WhichOneof("domain_info")
    if domain == "bool_domain":
        return True
    return domain in {"int_domain", "float_domain"} and getattr(feature, domain).is_categorical


def _text(number: float) -> str:
    if float(number).is_integer():
        return str(int(number))
    # Examples hold floats of 32 bits: the shortest text that tells two of them apart.
    return np.format_float_positional(np.float32(number), trim="-")
