"""CSV files row by row, beside the reader of stock CsvExampleGen."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tfx.components.example_gen.csv_example_gen.executor import _ReadCsvRecordsFromTextFile
from tfx.utils import io_utils
from tfx_bsl.coders.csv_decoder import ParseCSVLine

from components.arrow_example_gen import csv_records
from components.arrow_example_gen.errors import InputError

FILES = [
    "a,b\n1,2\n",
    "a,b\r\n1,2\r\n",
    "a,b\n1,2",
    'a,b\n"x\ny",2\n\n"p""q","r,s"\n',
    'a,b\nmid"d"le,"ab"c\n',
    " a , b \n 1 , 2 \n",
    "a,b\n,\n",
    '"a,b"\n1,2\n',
]


@pytest.mark.parametrize("text", FILES)
def test_rows_are_those_of_stock(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    parse = ParseCSVLine(delimiter=",")
    parse.setup()
    records = _ReadCsvRecordsFromTextFile().process(str(path))
    expected = [cells for record in records for cells, _ in parse.process(record) if cells]
    with path.open("rb") as file:
        names = csv_records.column_names(str(path), file)
        received = list(csv_records.rows(str(path), file, len(names)))
    assert names == io_utils.load_csv_column_names(str(path))
    assert [[cell.encode() for cell in row] for row in received] == expected


def test_an_open_quote_does_not_take_in_the_whole_file() -> None:
    file = io.BytesIO(b'"open\n' + b"x" * 2**20 + b"\n" + (b"1" * 2**16 + b"\n") * 300)
    with pytest.raises(InputError, match="line 2: a quote is opened here and not closed"):
        list(csv_records.rows("data.csv", file, 1))
    assert file.tell() <= csv_records.MAX_RECORD_BYTES + 2**20
