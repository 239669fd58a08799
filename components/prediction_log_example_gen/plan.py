"""What to make of served inputs: types, and absent values, by feature. Pure; checked at the start.

A signature whose inputs are tensors has no way to leave a value out, so callers send one that
stands for none, such as "" or 0. Which one that is, a model's export says; here it is a parameter.
Serialized examples leave out what is absent, so that nothing stands for it in them.

Casting single values is for `casting`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from components.prediction_log_example_gen.keys import ALL, ANSWERED, EXTRA_PREFIX, SHADOW
from components.prediction_log_example_gen.windows import Range

INT: Final = "int64_list"  # fields of a Feature
FLOAT: Final = "float_list"
BYTES: Final = "bytes_list"

_KINDS = {schema_pb2.INT: INT, schema_pb2.FLOAT: FLOAT, schema_pb2.BYTES: BYTES}
ARMS: Final = (ANSWERED, SHADOW, ALL)

_PYTHON_TYPES = {INT: (int,), FLOAT: (int, float), BYTES: (str,)}

Value = int | float | bytes


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to make of the records of a log.

    Attributes:
        window: Records of other times are left out.
        kinds: By feature of the schema the field of a Feature that holds its values; None where the
            schema says no type. Other columns keep the type in which they were served.
        absent: By feature the value that stands for none in a tensor; texts as bytes.
        model_name: Records of other models are left out; "" for records of any.
        prediction_output: The output that is the prediction; "" where that is to be guessed.
        arms: One of `ARMS`: whether a shadow's answers, which no caller got, are left out, are all
            that is read, or are read beside the others.
    """

    window: Range
    kinds: Mapping[str, str | None]
    absent: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    model_name: str = ""
    prediction_output: str = ""
    arms: str = ANSWERED


def kinds_of(schema: schema_pb2.Schema) -> dict[str, str | None]:
    """Returns by feature of a schema the field of a Feature that holds its values.

    Raises:
        ValueError: A feature has a name that is kept for columns added here.
    """
    taken = [feature.name for feature in schema.feature if feature.name.startswith(EXTRA_PREFIX)]
    if taken:
        raise ValueError(
            f"schema: expected no feature whose name begins with {EXTRA_PREFIX!r}, which is kept "
            f"for columns that no model trains on, received {', '.join(map(repr, taken))}"
        )
    return {feature.name: _KINDS.get(feature.type) for feature in schema.feature}


def absent_values(text: str) -> dict[str, Any]:
    """Reads the parameter `absent`: a JSON object of texts and numbers, NaN among them.

    Raises:
        ValueError: It is none.
    """
    try:
        values = json.loads(text) if text else {}
    except ValueError as error:
        raise ValueError(f"absent: expected a JSON object, received {text!r}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"absent: expected a JSON object, received {text!r}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(
                f"absent: expected a text or a number for {name!r}, received {value!r}"
            )
    return values


def typed(absent: Mapping[str, Any], kinds: Mapping[str, str | None]) -> dict[str, Value]:
    """Returns absent values in the types of the schema.

    Args:
        absent: Texts and numbers, by feature.
        kinds: As of `kinds_of`.

    Raises:
        ValueError: A feature is not in the schema, or its value is of another type.
    """
    made: dict[str, Value] = {}
    for name, value in absent.items():
        if name not in kinds:
            raise ValueError(f"absent: the schema has no feature {name!r}; it has {sorted(kinds)}")
        kind = kinds[name]
        if kind and not isinstance(value, _PYTHON_TYPES[kind]):
            raise ValueError(
                f"absent: expected a value of {kind.removesuffix('_list')} for {name!r}, received "
                f"{value!r}"
            )
        made[name] = value.encode() if isinstance(value, str) else value
    return made


def stands_for_none(values: list[Value], absent: Value) -> bool:
    """Returns whether a row's values of a feature are all the one that stands for none."""
    if isinstance(absent, float) and math.isnan(absent):
        return all(isinstance(value, float) and math.isnan(value) for value in values)
    if isinstance(absent, float):
        # Examples hold floats of 32 bits.
        return all(np.float32(value) == np.float32(absent) for value in values)
    return all(value == absent for value in values)
