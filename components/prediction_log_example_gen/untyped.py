"""One type for each column that the schema gives none. Pure functions.

Columns that the schema does not know, and outputs, keep the type in which they were served. Callers
may differ (1 in one JSON request, 1.5 in the next), and so may versions of a model; but stock
StatisticsGen fails on a column of two types. So where both INT and FLOAT came, FLOAT is taken, and
where texts came among numbers, the column is left without values. Which columns are mixed is known
when all records were read and counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.prediction_log_example_gen.casting import NAMES
from components.prediction_log_example_gen.plan import FLOAT, INT
from components.prediction_log_example_gen.tally import Tally
from serving.wire.messages import Example

UNKNOWN = "unknown_columns"  # not in the schema
UNTYPED = "untyped_columns"  # in the schema, without a type
OUTPUTS = "outputs"
MIXED = "mixed_columns"

_NUMBERS = {NAMES[INT], NAMES[FLOAT]}


def mixed_columns(tally: Tally) -> dict[str, bool]:
    """Returns columns that came in several types, and of each whether all of these are numbers.

    Args:
        tally: Of all records; counts types under `UNKNOWN`, `UNTYPED` and `OUTPUTS`.
    """
    types: dict[str, set[str]] = {}
    for group, *rest in tally.counts:
        if group in {UNKNOWN, UNTYPED, OUTPUTS}:
            column, kind = rest
            types.setdefault(column, set()).add(kind)
    named = {column: kinds & set(NAMES.values()) for column, kinds in types.items()}
    return {column: kinds <= _NUMBERS for column, kinds in named.items() if len(kinds) > 1}


def unified(example: bytes, mixed: Mapping[str, bool], tally: Tally) -> bytes:
    """Returns a serialized tf.Example whose mixed columns are floats, or without values.

    Args:
        example: A serialized tf.Example.
        mixed: As of `mixed_columns`.
        tally: Is added to.
    """
    if not mixed:
        return example
    parsed = Example.FromString(example)
    features = parsed.features.feature
    for column, numbers in mixed.items():
        feature = features.get(column)
        if feature is None or feature.WhichOneof("kind") is None:
            continue
        values = list(feature.int64_list.value)
        if numbers and feature.WhichOneof("kind") == INT:
            tally.count(MIXED, column, "INT to FLOAT")
            feature.float_list.value.extend(values)
        elif not numbers:
            tally.count(MIXED, column, "left out")
            feature.Clear()
    return parsed.SerializeToString(deterministic=True)
