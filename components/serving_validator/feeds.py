"""Makes inputs for a model's signatures of serialized tf.Examples. Pure functions.

Two kinds of signatures can be fed: those whose only input is a vector of texts, which take the
serialized examples themselves, and those whose inputs are named as columns of the examples. A
value that an example lacks is "" or 0 there: the comparison asks for equal answers, not for good
ones. For anything else there is no input to make, and the reason is told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from serving.wire.messages import Example
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import DT_STRING, DTYPES, dtype_name

_FLOATING = ("f", "c", "V")  # V: bfloat16


@dataclasses.dataclass(frozen=True, slots=True)
class Feed:
    """Inputs of one signature.

    Attributes:
        signature: Its name.
        inputs: Arrays by name; the first dimension is the example's.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return min((len(array) for array in self.inputs.values()), default=0)

    def only(self, example: int) -> Feed:
        """Returns the feed of a single example."""
        part = slice(example, example + 1)
        return Feed(self.signature, {name: array[part] for name, array in self.inputs.items()})


class _UnfeedableError(Exception):
    """A signature's inputs cannot be made; the message says why."""


def make_feeds(
    signatures: Mapping[str, Signature], serialized: Sequence[bytes]
) -> tuple[list[Feed], dict[str, str]]:
    """Returns a feed for each signature that one can be made for.

    Args:
        signatures: Those of the model.
        serialized: tf.Examples.

    Returns:
        The feeds in the order of the signatures' names, and why the others have none, by name.

    Raises:
        google.protobuf.message.DecodeError: The bytes are no tf.Example.
    """
    examples = [Example.FromString(text).features.feature for text in serialized]
    columns = {name for example in examples for name in example}
    feeds, left_out = [], {}
    for name, signature in sorted(signatures.items()):
        try:
            feeds.append(Feed(name, _inputs(signature, serialized, examples, columns)))
        except _UnfeedableError as reason:
            left_out[name] = str(reason)
    return feeds, left_out


def _inputs(
    signature: Signature, serialized: Sequence[bytes], examples: Sequence[Any], columns: set[str]
) -> dict[str, np.ndarray]:
    if not signature.inputs:
        raise _UnfeedableError("it takes no inputs")
    if _takes_examples(signature, columns):
        return {name: _objects(serialized) for name in signature.inputs}
    unknown = sorted(signature.inputs.keys() - columns)
    if unknown:
        raise _UnfeedableError(f"no example has a value for its input {unknown[0]!r}")
    return {name: _column(name, spec, examples) for name, spec in signature.inputs.items()}


def _takes_examples(signature: Signature, columns: set[str]) -> bool:
    [(name, spec), *others] = signature.inputs.items()
    is_vector = spec.shape in {None, (-1,)}
    return not others and spec.dtype == DT_STRING and is_vector and name not in columns


def _column(name: str, spec: TensorSpec, examples: Iterable[Any]) -> np.ndarray:
    width = _width(name, spec)
    rows = [_values(name, example, spec, width) for example in examples]
    flat = [value for row in rows for value in row]
    shape = (len(rows), *spec.shape[1:]) if spec.shape else (len(rows),)
    if spec.dtype == DT_STRING:
        return _objects(flat).reshape(shape)
    dtype = DTYPES[spec.dtype]
    if dtype.kind in "iu" and not all(_holds(dtype, value) for value in flat):
        raise _UnfeedableError(f"its input {name!r} of type {dtype} is too small for the column")
    return np.array(flat, dtype).reshape(shape)


def _holds(dtype: np.dtype, value: int) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)


def _width(name: str, spec: TensorSpec) -> int:
    if spec.dtype not in DTYPES:
        raise _UnfeedableError(f"its input {name!r} is of type {dtype_name(spec.dtype)}")
    shape = (-1,) if spec.shape is None else spec.shape
    if not shape or shape[0] != -1 or -1 in shape[1:]:
        raise _UnfeedableError(
            f"its input {name!r} is of shape {list(shape)}; expected any number of rows that are "
            "of one size"
        )
    return int(np.prod(shape[1:], dtype=int))


def _values(name: str, example: Any, spec: TensorSpec, width: int) -> Sequence[Any]:
    feature = example.get(name)
    kind = feature.WhichOneof("kind") if feature is not None else None
    values = getattr(feature, kind).value if kind else ()
    if not values:
        return [b"" if spec.dtype == DT_STRING else 0] * width
    if len(values) != width:
        raise _UnfeedableError(
            f"its input {name!r} takes {width} values of an example, and one has {len(values)}"
        )
    if not _fits(kind, spec.dtype):
        raise _UnfeedableError(
            f"its input {name!r} is of type {dtype_name(spec.dtype)}, and the column is a {kind}"
        )
    return list(values)


def _fits(kind: str | None, dtype: int) -> bool:
    if kind == "bytes_list" or dtype == DT_STRING:
        return kind == "bytes_list" and dtype == DT_STRING
    return kind == "int64_list" or DTYPES[dtype].kind in _FLOATING


def _objects(texts: Sequence[bytes]) -> np.ndarray:
    # NumPy's own type for bytes drops NULs at the end.
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
