"""Reads the Parquet files of an input split, a block of rows at a time.

Columns keep the type that the files give them: ints and booleans become int64, floats float32,
text and binary bytes. Where one file has ints and another floats, as pandas writes them when a
value is missing, all are floats; a column that is empty in one file has the type of the others. A
null is a missing value; an empty text or a NaN is a value. What has no place in a tf.Example of
single values (times, decimals, lists, structs) is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.files import open_file

ROWS_AT_ONCE = 32_768


def read(paths: Sequence[str], rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Yields the rows of files, in their order.

    Args:
        paths: At least one file.
        rows_at_once: How many rows a batch has at most.

    Returns:
        Batches of columns of int64, float32, large_binary or null.

    Raises:
        InputError: A file is no Parquet file, has other columns than the first, or a column or a
            value that a tf.Example cannot hold.
    """
    wanted = _common_schema(paths)
    for path in paths:
        with open_file(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=rows_at_once):
                if batch.num_rows:
                    yield _as(wanted, batch, path)


def _common_schema(paths: Sequence[str]) -> pa.Schema:
    wanted = _example_schema(paths[0])
    for path in paths[1:]:
        found = _example_schema(path)
        types = [_common_type(*pair) for pair in zip(wanted.types, found.types, strict=False)]
        if found.names != wanted.names or None in types:
            raise InputError(
                f"{path}: expected the columns of {paths[0]}, {_shown(wanted)}, received "
                f"{_shown(found)}. Files of one split need the same columns in the same order."
            )
        wanted = pa.schema([pa.field(*field) for field in zip(wanted.names, types, strict=True)])
    return wanted


def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Returns the type that holds the values of both, or None where there is none."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = {pa.int64(), pa.float32()}
    return pa.float32() if {one, other} == numbers else None


def _example_schema(path: str) -> pa.Schema:
    with open_file(path) as file:
        try:
            schema = pq.ParquetFile(file).schema_arrow
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{path}: expected a Parquet file, received none ({error})."
            ) from error
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: expected one column {twice!r}, received several.")
    return pa.schema([pa.field(field.name, _example_type(path, field)) for field in schema])


def _example_type(path: str, field: pa.Field) -> pa.DataType:
    stored = field.type
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    for belongs, wanted in (
        (pa.types.is_null, pa.null()),
        (pa.types.is_boolean, pa.int64()),
        (pa.types.is_integer, pa.int64()),
        (pa.types.is_floating, pa.float32()),
        (_is_bytes, pa.large_binary()),
    ):
        if belongs(stored):
            return wanted
    raise InputError(
        f"{path}: expected column {field.name!r} to hold numbers, booleans, text or binary, "
        f"received {stored}. Convert it before, for example a time to seconds, or drop it."
    )


def _is_bytes(stored: pa.DataType) -> bool:
    return any(
        belongs(stored)
        for belongs in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def _as(wanted: pa.Schema, batch: pa.RecordBatch, path: str) -> pa.RecordBatch:
    columns = []
    for field, column in zip(wanted, batch.columns, strict=True):
        try:
            columns.append(_cast(column, field.type))
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{path}: column {field.name!r} has a value that {field.type} cannot hold: {error}"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if wanted == pa.large_binary() and pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    if wanted == pa.float32():
        column = column.cast(pa.float64())  # rounded twice, as from CSV
    return column.cast(wanted)


def _shown(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
