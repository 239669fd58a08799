"""CSV in, CSV with predictions out; the batches go to a server on a real port."""

from __future__ import annotations

import io
from typing import Any

import pytest
from client_server import FLOAT, MODEL, TEXT, ModelServer
from client_taxi import sent_examples

from pipelines import csv_predictions, request_rows
from pipelines.csv_predictions import CsvPredictor, CsvRow
from pipelines.errors import DataError
from serving.client import Client, InvalidRequest


def scored(
    source: str, *, batch_size: int, signature: str, server: ModelServer
) -> tuple[str, list[tuple[int, str]]]:
    problems: list[tuple[int, str]] = []
    target = io.StringIO()
    with Client(server.address) as client:

        def ask(inputs: dict[str, Any]) -> Any:
            return client.predict(MODEL, **inputs, signature=signature)

        columns, rows = csv_predictions.read(io.StringIO(source, newline=""), "test")
        known = request_rows.SchemaKinds()
        form = request_rows.form_of(client.metadata(MODEL), signature, columns, known)
        predictor = CsvPredictor(
            columns,
            form,
            ask=ask,
            refusal=InvalidRequest,
            report=lambda line, problem: problems.append((line, problem)),
        )
        counts = [(count.rows, count.bad) for count in predictor.run(rows, target, batch_size)]
        assert not counts or counts[-1] == (predictor.count.rows, predictor.count.bad)
    return target.getvalue(), problems


def test_rows_are_read_with_the_lines_they_begin_on() -> None:
    text = 'a,b\n1,2\n"x\ny",3\n\n4\n5,6\n'
    columns, rows = csv_predictions.read(io.StringIO(text, newline=""), "test")
    assert columns == ["a", "b"]
    found = list(rows)
    assert [(row.line, row.cells) for row in found] == [
        *((2, ["1", "2"]), (3, ["x\ny", "3"]), (6, ["4"]), (7, ["5", "6"])),
    ]
    assert [bool(row.problem) for row in found] == [False, False, True, False]


def test_a_cell_beyond_the_csv_modules_limit_costs_its_row_only() -> None:
    text = f"a\n1\n{'x' * 200_000}\n2\n"
    _, rows = csv_predictions.read(io.StringIO(text, newline=""), "test")
    first, second, third = rows
    assert (first, third) == (CsvRow(2, ["1"]), CsvRow(4, ["2"]))
    assert "not a row of CSV: field larger than field limit" in second.problem


def test_without_a_schema_the_first_batch_says_what_columns_hold() -> None:
    with ModelServer() as server:
        server.signatures = {"rows": ({"examples": TEXT}, {"outputs": FLOAT})}
        source = "fare,stop,name\n1.5,2,a\n2,3,4\n"
        output, problems = scored(source, batch_size=10, signature="rows", server=server)
        assert output == "fare,stop,name,outputs\n1.5,2,a,3.0\n2,3,4,4.0\n"
        assert sent_examples(server)[1] == {
            "fare": ("float_list", [2.0]),
            "stop": ("int64_list", [3]),
            "name": ("bytes_list", [b"4"]),
        }
        assert not problems


def test_refused_rows_are_found_by_halving_and_others_are_answered() -> None:
    fares = [-1.0 if row in {0, 37, 99} else float(row) for row in range(100)]
    source = "fare\n" + "".join(f"{fare}\n" for fare in fares)
    with ModelServer() as server:
        output, problems = scored(source, batch_size=64, signature="rows", server=server)
    lines = output.splitlines()[1:]
    assert lines == [f"{fare},{2 * fare if fare >= 0 else ''}" for fare in fares]
    assert [line for line, _ in problems] == [2, 39, 101]


def test_predictions_that_come_late_still_get_the_header_above_all_rows() -> None:
    with ModelServer() as server:
        source = "fare\n" + "-1\n" * 5 + "1\n"
        output, problems = scored(source, batch_size=2, signature="rows", server=server)
    assert output == "fare,outputs\n" + "-1,\n" * 5 + "1,2.0\n"
    assert len(problems) == 5


def test_a_file_of_which_nothing_fits_is_given_up() -> None:
    with ModelServer() as server:
        with pytest.raises(DataError, match="none of the first 20 rows"):
            scored("fare\n" + "-1\n" * 100, batch_size=1, signature="rows", server=server)
        with pytest.raises(DataError, match="none of the first 30 rows"):
            scored("fare\n" + "x\n" * 100, batch_size=30, signature="rows", server=server)
