"""What a logged request asked about: its rows, each with values by column. Pure functions.

    Predict, named tensors        a column for each input; the first dimension is the row's. A
                                  scalar beside them counts for every row.
    Predict, serialized examples  a row for each example of the only input
    Classify, Regress,            a row for each example, with the features of the context that it
    MultiInference                does not have itself

The only input of a Predict holds serialized examples where it is of texts and the schema has no
feature of its name.

Casting to the schema's types is for `examples`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from components.prediction_log_example_gen.plan import BYTES, FLOAT, INT
from serving.wire.errors import ServingError
from serving.wire.inference import example_inputs
from serving.wire.messages import Example
from serving.wire.tensors import to_array

# A few bytes may announce a tensor of any size. What a server computed is far smaller.
MAX_VALUES = 1 << 22

_KINDS = {"b": INT, "i": INT, "u": INT, "f": FLOAT, "V": FLOAT, "O": BYTES}  # V: bfloat16


class UnreadableError(Exception):
    """A record, or a row of it, cannot be read; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """Values of a column in a row.

    Attributes:
        kind: The field of a Feature that fits them, or None where there is no value.
        values: Python's integers, floats or bytes.
    """

    kind: str | None
    values: Sequence[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A row of a request.

    Attributes:
        columns: What was sent, by column; None where it cannot be read.
        from_tensors: Whether it had to send a value for every column.
        reason: Why it cannot be read.
    """

    columns: Mapping[str, Served] | None
    from_tensors: bool = False
    reason: str = ""


def predict_rows(request: Any, features: Collection[str]) -> list[Row]:
    """Returns the rows of a PredictRequest.

    Args:
        request: A PredictRequest.
        features: The schema's.

    Raises:
        UnreadableError: A tensor cannot be read, or the tensors do not agree on the number of rows.
    """
    arrays = {name: read_array(name, proto) for name, proto in request.inputs.items()}
    if not arrays:
        raise UnreadableError("a request without inputs")
    if len(arrays) == 1:
        [(name, array)] = arrays.items()
        if array.dtype.hasobject and name not in features:
            return [_example_row(text) for text in array.ravel().tolist()]
    count = _row_count(arrays)
    columns = {name: column(array, count) for name, array in arrays.items()}
    return [
        Row({name: rows[index] for name, rows in columns.items()}, from_tensors=True)
        for index in range(count)
    ]


def example_rows(examples: Any) -> list[Row]:
    """Returns the rows of an Input of a request.

    Raises:
        UnreadableError: It is empty.
    """
    try:
        return [_example_row(text) for text in example_inputs(examples).tolist()]
    except ServingError as error:
        raise UnreadableError(error.message) from error


def column(array: np.ndarray, count: int) -> list[Served]:
    """Returns what an array says of each row.

    Args:
        array: Of shape `(count, ...)`, or a scalar, which counts for every row.
        count: Number of rows.

    Raises:
        UnreadableError: It is of complex numbers.
    """
    kind = _KINDS.get(array.dtype.kind)
    if kind is None:
        raise UnreadableError(f"a tensor of {array.dtype}, which no feature can hold")
    plain = array.astype(np.float32) if array.dtype.kind == "V" else array
    if not plain.ndim:
        return [Served(kind, [plain.item()])] * count
    width = plain.size // count if count else 0
    return [Served(kind, values) for values in plain.reshape(count, width).tolist()]


def read_array(name: str, proto: Any) -> np.ndarray:
    """Returns the values of a TensorProto.

    Args:
        name: Of the input or output, for the message.
        proto: A TensorProto.

    Raises:
        UnreadableError: They cannot be read, or are too many.
    """
    try:
        array = to_array(proto)
    except ServingError as error:
        raise UnreadableError(f"tensor {name!r}: {error.message}") from error
    if array.size > MAX_VALUES:
        raise UnreadableError(f"tensor {name!r}: {array.size} values, expected up to {MAX_VALUES}")
    return array


def _row_count(arrays: Mapping[str, np.ndarray]) -> int:
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    distinct = set(counts.values())
    if len(distinct) > 1:
        raise UnreadableError(
            f"inputs of different numbers of rows: {dict(sorted(counts.items()))}"
        )
    return distinct.pop() if distinct else 1


def _example_row(text: bytes) -> Row:
    try:
        example = Example.FromString(text)
    except DecodeError:
        return Row(None, reason=f"no tf.Example: {text[:40]!r}, {len(text)} bytes")
    return Row(dict(_columns(example)))


def _columns(example: Any) -> Iterator[tuple[str, Served]]:
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        yield name, Served(kind, getattr(feature, kind).value if kind else ())
