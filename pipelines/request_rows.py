"""Rows from JSON and CSV in the form that a model's signature takes.

A signature whose one input is for texts takes tf.Examples, where 12 and 12.0 are different types.
Which type a column has is said by the curated schema of the pipeline that has the model's name,
and for columns that it does not know by other signatures of the model that take the column as it
is. Without either, a number of JSON is what it looks like, as in TensorFlow Serving's REST API, and
a column of CSV what CsvExampleGen would take its cells for.

Other signatures take columns by name. A value that is missing is "" in a column of texts, NaN in
one of floats and 0 in one of integers, as in the taxi model; in a tf.Example it is left out. A
column that no row has is left to the signature's default, where it has one.

Asking the model is left to `pipelines.cli.predict` and `pipelines.csv_predictions`.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import cell_rules, config, schema_file
from pipelines.cell_rules import Kind
from pipelines.errors import UsageError
from serving.wire.signatures import DEFAULT_SIGNATURE
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import DT_STRING, DTYPES, dtype_name

if TYPE_CHECKING:
    from serving.client import Metadata

_SERVING = "SERVING"  # the schema's environment without the label

Row = Mapping[str, Any]

_INT64 = range(-(2**63), 2**63)
_MISSING: dict[Kind, Any] = {Kind.INT: 0, Kind.FLOAT: math.nan, Kind.TEXT: ""}
_WORDS = {Kind.INT: "a whole number", Kind.FLOAT: "a number", Kind.TEXT: "a text"}


class RowError(ValueError):
    """A value that does not fit its column; the message names both."""


@dataclasses.dataclass(frozen=True)
class SchemaKinds:
    """What a curated schema says of columns.

    Attributes:
        kinds: By name.
        unserved: Those that are not there yet when a prediction is asked for, such as the label.
    """

    kinds: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    unserved: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class RequestForm:
    """How rows reach a signature.

    Attributes:
        signature: The signature.
        as_examples: Whether as tf.Examples; otherwise as columns, one per input.
        kinds: What the columns hold, as far as is known; for columns exactly the inputs.
        unserved: As in `SchemaKinds`.
    """

    signature: Signature
    as_examples: bool
    kinds: Mapping[str, Kind]
    unserved: frozenset[str] = frozenset()

    def takes(self, column: str) -> bool:
        """Returns whether a column of a file has anything to say to the signature."""
        if column in self.unserved:
            return False
        return not self.kinds or column in self.kinds

    def inputs(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Returns what `Client.predict` takes, as its keyword arguments."""
        if self.as_examples:
            return {"examples": rows}
        return {
            "inputs": {
                name: [_present(row.get(name), self.kinds[name]) for row in rows]
                for name in self.signature.inputs
                if name not in self.signature.defaults or any(name in row for row in rows)
            }
        }


def schema_kinds(model: str) -> SchemaKinds:
    """Returns what the schema of a model's pipeline says; nothing where there is no pipeline.

    Raises:
        DataError: There is one, and its schema cannot be read.
    """
    if model not in config.names():
        return SchemaKinds()
    settings = config.named(model)
    schema = schema_file.read(Path(settings.schema_path))
    unserved = {f.name for f in schema.feature if _SERVING in f.not_in_environment}
    kinds = {
        feature.name: cell_rules.KINDS[feature.type]
        for feature in schema.feature
        if feature.type in cell_rules.KINDS
    }
    return SchemaKinds(kinds, frozenset({settings.label, *unserved}))


def form_of(
    metadata: Metadata, name: str, columns: Collection[str], known: SchemaKinds
) -> RequestForm:
    """Decides how rows reach a signature.

    Args:
        metadata: Of the model.
        name: Of the signature; "" for `serving_default`.
        columns: Names that the rows have.
        known: What a schema says.

    Raises:
        UsageError: The model has no such signature.
    """
    signature = metadata.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise UsageError(
            f"model {metadata.model!r} has no signature {name or DEFAULT_SIGNATURE!r}; expected "
            f"one of: {', '.join(metadata.signatures) or '(none)'}",
            remedy="Name one of them with --signature.",
        )
    if not takes_examples(signature) or set(signature.inputs) & set(columns):
        kinds = {name: kind_of(spec) for name, spec in signature.inputs.items()}
        return RequestForm(signature, as_examples=False, kinds=kinds)
    told = {
        column: kind_of(spec)
        for other in metadata.signatures.values()
        if not takes_examples(other)
        for column, spec in other.inputs.items()
    }
    return RequestForm(signature, True, {**told, **known.kinds}, known.unserved)


def takes_examples(signature: Signature) -> bool:
    """Returns whether a signature's one input is for texts, and so for tf.Examples."""
    specs = list(signature.inputs.values())
    return len(specs) == 1 and specs[0].dtype == DT_STRING


def kind_of(spec: TensorSpec) -> Kind:
    """Returns what a column for an input has to hold.

    Raises:
        UsageError: The input takes complex numbers, or what does not travel at all.
    """
    if spec.dtype == DT_STRING:
        return Kind.TEXT
    if spec.dtype not in DTYPES or DTYPES[spec.dtype].kind == "c":
        raise UsageError(
            f"an input of type {dtype_name(spec.dtype)} cannot be written as JSON or CSV",
            remedy="Use serving.client from Python.",
        )
    return Kind.INT if DTYPES[spec.dtype].kind in "iub" else Kind.FLOAT


def from_json(row: Row, form: RequestForm) -> dict[str, Any]:
    """Returns a row of JSON with its values in the types that a signature takes.

    Raises:
        RowError: A value does not fit its column, or the signature has no such input.
    """
    unknown = [name for name in row if not form.as_examples and name not in form.kinds]
    if unknown:
        raise RowError(
            f"{unknown[0]!r} is no input of {form.signature.name!r}; expected: "
            f"{', '.join(form.kinds)}"
        )
    return {name: _of_json(value, form.kinds.get(name), name) for name, value in row.items()}


def from_cells(cells: Iterable[tuple[str, str]], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Returns a row of CSV with its values in the types of its columns; empty cells are left out.

    Args:
        cells: Names and texts.
        kinds: What the columns hold.

    Raises:
        RowError: A text does not fit its column.
    """
    return {name: _of_cell(text, kinds[name], name) for name, text in cells if text}


def guessed(cells: Iterable[str]) -> Kind:
    """Returns what CsvExampleGen would take a column for, by its cells."""
    return max((cell_rules.kind(cell) for cell in cells if cell), default=Kind.TEXT)


def _present(value: Any, kind: Kind) -> Any:
    return _MISSING[kind] if value is None else value


def _of_cell(text: str, kind: Kind, name: str) -> Any:
    if kind is Kind.TEXT:
        return text.encode("utf-8", "surrogateescape")
    convert: Callable[[str], Any] = int if kind is Kind.INT else float
    try:
        value = convert(text)
    except ValueError:
        raise _unfit(text, kind, name) from None
    if kind is Kind.INT and value not in _INT64:
        raise _unfit(text, kind, name)
    return value


def _of_json(value: Any, kind: Kind | None, name: str) -> Any:
    if isinstance(value, list):
        return [_of_json(item, kind, name) for item in value]
    if isinstance(value, dict):
        return _of_base64(value, name)
    if value is None or kind is None:
        return value
    if isinstance(value, str) != (kind is Kind.TEXT):
        raise _unfit(value, kind, name)
    if kind is Kind.FLOAT:
        return float(value)
    if kind is Kind.INT and (value != value or math.isinf(value) or int(value) != value):  # noqa: PLR0124
        raise _unfit(value, kind, name)
    return int(value) if kind is Kind.INT else value


def _of_base64(value: Mapping[str, Any], name: str) -> bytes:
    text = value.get("b64")
    if not isinstance(text, str) or len(value) > 1:
        raise RowError(f'{name!r}: expected a value, a list or {{"b64": "…"}}, received an object')
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise RowError(f"{name!r}: expected base64, received {text[:40]!r}: {error}") from error


def _unfit(value: Any, kind: Kind, name: str) -> RowError:
    return RowError(f"{name!r}: expected {_WORDS[kind]}, received {value!r}")
