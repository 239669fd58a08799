"""Which values stand for none where a model takes tensors, by feature of a schema. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.errors import UsageError

_DEFAULTS: dict[int, str | float] = {schema_pb2.BYTES: "", schema_pb2.FLOAT: math.nan}


def values(
    schema: schema_pb2.Schema, configured: Iterable[tuple[str, str | float]]
) -> dict[str, str | float]:
    """Returns the value that stands for none, by feature.

    Args:
        schema: The curated one.
        configured: `skew.absent` of the configuration; comes before the defaults, which are "" for
            texts and NaN for floats.

    Raises:
        UsageError: The configuration names a feature that the schema lacks.
    """
    types = {feature.name: feature.type for feature in schema.feature}
    found = {name: _DEFAULTS[type_] for name, type_ in types.items() if type_ in _DEFAULTS}
    for name, value in configured:
        if name not in types:
            raise UsageError(
                f"skew.absent: the schema has no feature {name!r}",
                remedy=f"It has: {', '.join(sorted(types))}",
            )
        whole = isinstance(value, float) and value.is_integer()
        # A number is read as a float from a configuration, and an INT feature holds none.
        found[name] = int(value) if whole and types[name] == schema_pb2.INT else value
    return found
