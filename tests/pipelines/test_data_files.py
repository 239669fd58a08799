"""Which files of a folder are read: patterns, spans, CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.dsl.io import fileio

from components.arrow_example_gen import spans
from components.arrow_example_gen.files import matching, spans_of
from components.arrow_example_gen.formats import Format
from components.arrow_example_gen.patterns import filled, has_spans
from pipelines import data_files
from pipelines.errors import DataError, RingwayError, UsageError

FILES = (
    "span-1/a.csv",
    "span-2/b.csv",
    "span-2/a.csv",
    "span-10/a.csv",
    "span-old/a.csv",
    "span-old/attic/a.csv",
    "v-3-1.csv",
    "v-3-2.csv",
    "day-20261121.csv",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x\n{number}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "span_range", "expected", "numbers"),
    [
        ("v-*.csv", "", ["v-3-1.csv", "v-3-2.csv"], ()),
        ("span-{SPAN}/*", "", ["span-10/a.csv"], (10,)),
        ("span-{SPAN}/*", "1:2", ["span-1/a.csv", "span-2/a.csv", "span-2/b.csv"], (1, 2)),
        ("span-{SPAN}/*", "9", ["span-2/a.csv", "span-2/b.csv", "span-10/a.csv"], (2, 10)),
        ("v-{SPAN}-{VERSION}.csv", "", ["v-3-2.csv"], (3,)),
        ("day-{YYYY}{MM}{DD}.csv", "", ["day-20261121.csv"], (20778,)),
    ],
)
def test_the_files_are_those_that_the_example_generator_finds(
    folder: Path, pattern: str, span_range: str, expected: list[str], numbers: tuple[int, ...]
) -> None:
    listing = data_files.listed(folder, pattern, span_range)
    assert [path.relative_to(folder).as_posix() for path in listing.files] == expected
    assert listing.spans == numbers
    chosen = spans_of(str(folder), [pattern], spans.wanted(span_range or "1"))
    filled_in = [filled(pattern, span) for span in chosen] if has_spans(pattern) else [pattern]
    theirs = [path for one in filled_in for path in matching(str(folder), one)]
    assert [str(path) for path in listing.files] == theirs
    assert all(fileio.exists(path) for path in theirs)


def test_a_shortfall_is_noted(folder: Path) -> None:
    assert data_files.listed(folder, "span-{SPAN}/*", "9").note.startswith("9 spans are asked for")
    assert not data_files.listed(folder, "span-{SPAN}/*", "1").note


@pytest.mark.parametrize(
    ("pattern", "span_range", "error", "said"),
    [
        ("span-{SPAN}/*", "1:4", DataError, "but spans 3 to 4 are missing"),
        ("week-{SPAN}/*", "8", DataError, "expected files that match week-*/*, found day-2026"),
        ("{SPAN}/{SPAN}", "8", UsageError, "input_pattern: {SPAN}/{SPAN}: expected each of its"),
        ("span-{SPAN:x}/*", "", UsageError, "expected a number of digits such as {SPAN:3}"),
        ("span-{SPAN:9999999999}/*", "", UsageError, "expected a pattern of paths"),
        ("{YYYY}/*", "", UsageError, "expected either {SPAN}, or all of {YYYY}, {MM}, {DD}"),
        ("v{VERSION}/*", "", UsageError, "expected {SPAN} as well"),
        ("span-{SPAN}/[z-a]*", "", UsageError, "expected a pattern of paths"),
        ("span-{SPAN}/*", "1:9999999999", UsageError, "span_range: Expected numbers up to"),
        ("*.csv", "8", UsageError, "'8' asks for spans, but input_pattern '*.csv' tells none"),
        ("*.tsv", "", DataError, "expected files that match *.tsv"),
        ("/etc/*", "", UsageError, "expected a pattern of files below"),
        ("span-old/*", "", DataError, "'span-old/attic' is none"),
    ],
)
def test_what_cannot_be_read_is_refused(
    folder: Path, pattern: str, span_range: str, error: type[RingwayError], said: str
) -> None:
    with pytest.raises(error) as caught:
        data_files.listed(folder, pattern, span_range)
    assert said in str(caught.value)


def test_parquet_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [1, 2], "y": ["é", None], "z": [True, False]}), path)
    assert data_files.columns(path) == ["x", "y", "z"]
    assert (data_files.count_rows(path, 10), data_files.count_rows(path, 1)) == (2, 1)
    row = data_files.first_row([path])
    assert (row.path, row.position) == (path, "row 1")
    assert row.cells == {"x": "1", "y": "é", "z": "1"}
    assert data_files.common_format([path, path]) is Format.PARQUET


def test_the_first_row_may_be_in_a_later_file(tmp_path: Path) -> None:
    for name, text in (("a.csv", "x,y\n"), ("b.csv", "x,y\n\n1,\n")):
        (tmp_path / name).write_text(text)
    row = data_files.first_row([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert (row.path.name, row.position, row.cells) == ("b.csv", "line 3", {"x": "1", "y": ""})
    with pytest.raises(DataError, match="expected rows, found none"):
        data_files.first_row([tmp_path / "a.csv"])


@pytest.mark.parametrize("keep", [0, 100])
def test_damaged_parquet_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a\.parquet: expected a Parquet file, received"):
        data_files.columns(path)


def test_two_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected data files of one format"):
        data_files.common_format([tmp_path / "a.csv", tmp_path / "b.pq"])
