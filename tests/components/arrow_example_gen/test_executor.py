"""Examples and splits beside those of stock CsvExampleGen, on real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from arrow_reference import Ours, Stock, examples, inputs, outputs, run, stock_rows

from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.files import matching
from pipelines.taxi.config import shipped_data

TAXI = Path(shipped_data())

# By name, what CsvExampleGen takes without complaint. Each is an input split of its own.
ODD = {
    "quotes": 'a,b\n"x, y","say ""hi"""\nmid"dle"s,"ab"c\n',
    "line_breaks": 'a,b\n"one\ntwo",1\n"three\r\nfour\n\n",2\n',
    "empty_cells": 'a,b,c\n1,,x\n,2.5,""\n,,\n',
    "empty_column": "a,b,c\n1,,x\n2,,y\n",
    "mixed_numbers": "a,b\n1,1\n2.5,-2\n.5e3,9223372036854775807\n",
    "long_ints": "a,b\n1,1\n9223372036854775808,-9223372036854775809\n",
    "number_then_text": "a\n1\n2.5\nthree\n",
    "pythons_numbers": "a,b,c\n+5, 1.5,1_000\n 7 ,+2e3,2_0.5\n007,1e999,inf\n",
    "not_numbers": "a,b,c,d\n0x1F,nan(1),\u0661,1e\n0x2,nan(2),\u0662,--1\n",
    "special_floats": "a,b\nnan,1e39\n-inf,1e-46\nInfinity,0.1\n",
    "byte_order_mark": "\ufeffa,b\n1,x\n",
    "crlf": "a,b\r\n1,x\r\n\r\n2,y\r\n",
    "unicode": "größe,名前\n1,żółw\n2,🐢\n",
    "quoted_header": '"a",b c , d\n1,2,3\n',
    "no_rows": "a,b\n",
    "no_header": "",
    "blank_lines": "a,b\n\n1,x\n\n\n2,y",
    "one_column": 'a\n1\n\n""\n" "\n',
    "no_last_break": "a,b\n1,x",
    "names_out_of_order": "b,é,a,Z,ab,,abc\n1,2,3,4,5,6,7\n",
}
SEVERAL = "several_files"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def both(base: Path, work: Path, *configs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        examples(run(Ours, base, work / "ours", *configs)),
        examples(run(Stock, base, work / "stock", *configs)),
    )


@pytest.fixture(scope="module")
def taxi(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What stock makes of taxi: its folder, and the examples."""
    folder = tmp_path_factory.mktemp("taxi") / "stock"
    artifact = run(Stock, TAXI, folder)
    return folder, examples(artifact)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The odd files, and the examples made of them, by name."""
    work = tmp_path_factory.mktemp("odd")
    base = write(work / "in", {f"{name}/data.csv": text for name, text in ODD.items()})
    write(base / SEVERAL, {"1.csv": "a,b\n1,2\n", "2.csv": "a,b\n1.5,x\n"})
    patterns = inputs(**{name: f"{name}/*" for name in [*ODD, SEVERAL]})
    return base, examples(run(Ours, base, work / "ours", patterns))


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_taxi_becomes_the_same_examples_in_the_same_splits(taxi, tmp_path: Path) -> None:
    folder, expected = taxi
    received = examples(run(Ours, TAXI, tmp_path / "ours"))
    assert {split: len(rows) for split, rows in received.items()} == {"train": 10036, "eval": 4966}
    assert received == expected
    assert files_under(tmp_path / "ours") == files_under(folder)


@pytest.mark.parametrize("name", [*ODD, SEVERAL])
def test_odd_files_become_the_same_examples(odd, name: str) -> None:
    base, ours = odd
    expected = stock_rows(matching(str(base), f"{name}/*"))
    # NaN is not equal to itself, but its text is.
    assert [str(row) for row in ours[name]] == [str(row) for row in expected]


def test_types_are_found_over_all_files_of_a_split(odd) -> None:
    _, ours = odd
    features = [row.features.feature for row in ours[SEVERAL]]
    assert sorted(row["a"].float_list.value[0] for row in features) == [1.0, 1.5]
    assert sorted(row["b"].bytes_list.value[0] for row in features) == [b"2", b"x"]


def test_without_rows_there_are_files_and_an_artifact_all_the_same(tmp_path: Path) -> None:
    base = write(tmp_path / "in", {"a.csv": "a,b\n"})
    ours, stock = run(Ours, base, tmp_path / "ours"), run(Stock, base, tmp_path / "stock")
    assert files_under(tmp_path / "ours") == files_under(tmp_path / "stock")
    assert examples(ours) == examples(stock) == {"train": [], "eval": []}
    for artifact in (ours, stock):
        artifact.uri = ""
    assert ours.mlmd_artifact == stock.mlmd_artifact


@pytest.mark.parametrize("feature", ["company", "trip_start_hour"])
def test_a_partition_feature_splits_as_stock_does(tmp_path: Path, feature: str) -> None:
    lines = (TAXI / "data.csv").read_text().splitlines(keepends=True)[:501]
    base = write(tmp_path / "in", {"data.csv": "".join(lines)})
    buckets = outputs(feature, train=3, eval=1, test=2)
    ours, stock = both(base, tmp_path, inputs(all="*"), buckets)
    assert ours == stock
    assert sum(map(len, ours.values())) == 500


def test_parquet_of_the_same_gives_the_same_examples(taxi, tmp_path: Path) -> None:
    table = pa_csv.read_csv(
        TAXI / "data.csv", convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
    )
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "data.parquet")
    _, expected = taxi
    assert examples(run(Ours, tmp_path / "in", tmp_path / "ours")) == expected


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    base = write(tmp_path / "in", {"data.csv": "a,b\n1,x\n2,y\n3,z\n"})
    for name in ("once", "again"):
        run(Ours, base, tmp_path / name)
    for file in files_under(tmp_path / "once"):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_a_split_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file matches .*/none\*"):
        run(Ours, tmp_path, tmp_path / "out", inputs(all="none*"))


def test_formats_are_not_mixed_within_a_split(tmp_path: Path) -> None:
    base = write(tmp_path / "in", {"a.csv": "a\n1\n"})
    pq.write_table(pa.table({"a": [1]}), base / "b.parquet")
    with pytest.raises(InputError, match=r"a\.csv \(CSV\).*b\.parquet \(Parquet\)"):
        run(Ours, base, tmp_path / "out")


def test_output_splits_need_a_single_input_split(tmp_path: Path) -> None:
    base = write(tmp_path / "in", {"a.csv": "a\n1\n"})
    with pytest.raises(RuntimeError, match="input has more than one split"):
        run(Ours, base, tmp_path / "out", inputs(a="a*", b="b*"), outputs(train=1, eval=1))


@pytest.mark.parametrize(
    ("feature", "message"),
    [("c", r"one of the columns \['a', 'b'\], received 'c'"), ("a", "floats"), ("b", "no values")],
)
def test_a_partition_feature_without_ints_or_text_is_refused(
    tmp_path: Path, feature: str, message: str
) -> None:
    base = write(tmp_path / "in", {"a.csv": "a,b\n1.5,\n"})
    with pytest.raises(InputError, match=message):
        run(Ours, base, tmp_path / "out", inputs(all="*"), outputs(feature, train=1, eval=1))
