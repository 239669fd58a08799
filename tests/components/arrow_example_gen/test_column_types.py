"""Types and values of text columns, beside tfx-bsl's inference."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from tfx_bsl.coders import csv_decoder

from components.arrow_example_gen.column_types import ColumnType, infer, infer_cell, typed

STOCK = {
    csv_decoder.ColumnType.UNKNOWN: ColumnType.UNKNOWN,
    csv_decoder.ColumnType.INT: ColumnType.INT,
    csv_decoder.ColumnType.FLOAT: ColumnType.FLOAT,
    csv_decoder.ColumnType.STRING: ColumnType.BYTES,
}
COLUMNS = [
    [],
    [""],
    ["", ""],
    ["1"],
    ["-0", "007", ""],
    ["+5"],
    ["+5", "1.5"],
    ["+9223372036854775808", "1.5"],
    [" 5"],
    ["5\t"],
    ["1_000"],
    ["1__0"],
    ["_1"],
    ["9223372036854775807", "-9223372036854775808"],
    ["9223372036854775808"],
    ["-9223372036854775809"],
    ["1.5", "9223372036854775808"],
    ["1.5", "00000000000000000000000001"],
    ["1.5", "-0.12345678901234567890"],
    ["1.5", "9223372036854775808.0"],
    ["1", "2.5"],
    ["1."],
    [".5"],
    ["."],
    ["1e5", "1E-5"],
    ["1e"],
    ["1e400"],
    ["+1.5"],
    [" 1.5 "],
    ["1_0.5"],
    ["nan", "NaN", "inf", "-Infinity"],
    ["nan(1)"],
    ["0x1F"],
    ["-0X1f"],
    ["0x1p3"],
    ["1", "one"],
    ["1.5", "one"],
    ["true"],
    [" "],
    ["\u0661"],
    ["1\u00a0"],
    ["1\x00"],
    ["1d", "1f", "1L"],
    ["--1"],
]


def stock_type(cells: list[str]) -> ColumnType:
    inferrer = csv_decoder.ColumnTypeInferrer(["a"], skip_blank_lines=True)
    found = inferrer.create_accumulator()
    for cell in cells:
        found = inferrer.add_input(found, [cell.encode()])
    return STOCK[inferrer.extract_output(found)[0].type]


@pytest.mark.parametrize("cells", COLUMNS)
def test_a_column_has_the_type_that_stock_finds(cells: list[str]) -> None:
    assert infer(pa.array(cells, pa.string())) == stock_type(cells)


@pytest.mark.parametrize("cell", sorted({cell for cells in COLUMNS for cell in cells}))
def test_a_cell_has_the_type_that_stock_finds(cell: str) -> None:
    assert infer_cell(cell) == stock_type([cell])


@pytest.mark.parametrize(
    ("known", "cells", "expected"),
    [
        (ColumnType.INT, [""], ColumnType.INT),
        (ColumnType.FLOAT, ["1"], ColumnType.FLOAT),
        (ColumnType.INT, ["1.5"], ColumnType.FLOAT),
        (ColumnType.BYTES, ["1"], ColumnType.BYTES),
        (ColumnType.UNKNOWN, ["1"], ColumnType.INT),
    ],
)
def test_a_later_block_only_makes_the_type_more_general(known, cells, expected) -> None:
    assert infer(pa.array(cells, pa.string()), known) == expected


@pytest.mark.parametrize("cells", [column for column in COLUMNS if column])
def test_values_are_those_of_python(cells: list[str]) -> None:
    array = pa.array(cells, pa.string())
    kind = infer(array)
    makers: dict[ColumnType, Callable[[bytes], Any]] = {
        ColumnType.UNKNOWN: bytes,
        ColumnType.INT: int,
        ColumnType.FLOAT: as_float32,
        ColumnType.BYTES: bytes,
    }
    expected = [makers[kind](cell.encode()) if cell else None for cell in cells]
    received = typed(array, kind)
    assert [str(value) for value in received.to_pylist()] == [str(value) for value in expected]


def as_float32(text: bytes) -> float:
    value = float(text)
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:  # which is how struct says infinite
        return float("inf") if value > 0 else float("-inf")


def test_floats_are_rounded_twice_as_stock_does() -> None:
    # Just above halfway between 1 and the next float32: 64 bits round it to halfway, 32 bits then
    # to the even neighbour. Rounded once, it would be 1 + 2**-23.
    text = "1.0000000596046447753906250000000000000000000000001"
    assert typed(pa.array([text]), ColumnType.FLOAT).to_pylist() == [1.0]
