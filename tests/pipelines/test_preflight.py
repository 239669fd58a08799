"""Inputs that a run cannot start from, with real files, folders and file systems."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.arrow_example_gen.formats import Format
from pipelines import preflight
from pipelines.config import PipelineConfig
from pipelines.errors import DataError, UsageError

ROWS = "fare,company,tips\n3.5,Blue,0\n"
SCHEMA = """
feature { name: "fare" type: FLOAT presence { min_count: 1 } }
feature { name: "company" type: BYTES }
feature { name: "tips" type: FLOAT presence { min_count: 1 } }
"""
NOBODY = 65534


def refusal(check: Callable[[], object]) -> DataError:
    with pytest.raises(DataError) as caught:
        check()
    assert caught.value.remedy
    return caught.value


def data(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def mounted(folder: Path, *options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def configuration(tmp_path: Path) -> PipelineConfig:
    return PipelineConfig(
        name="trips",
        data_root=str(tmp_path / "data"),
        schema_path=str(tmp_path / "schema.pbtxt"),
        label="tips",
        preprocessing_fn="a.b",
        run_fn="a.b",
        tuner_fn="a.b",
        eval_config_fn="a.b",
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "small", "-o", "size=1m")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "read_only", "-o", "ro")


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Gives up root's rights; yields a folder that an ordinary user can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)
        yield folder
        os.seteuid(before)


def test_a_sound_folder_is_listed_with_its_columns(tmp_path: Path) -> None:
    folder = preflight.check_data(data(tmp_path, b=ROWS, a=ROWS))
    assert folder.files == (tmp_path / "a.csv", tmp_path / "b.csv")
    assert folder.columns == ("fare", "company", "tips")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = refusal(lambda: preflight.check_data(tmp_path / "absent"))
    assert str(error) == f"data folder {tmp_path / 'absent'}: does not exist"


def test_a_file_in_place_of_the_folder_is_answered_with_its_folder(tmp_path: Path) -> None:
    path = data(tmp_path, a=ROWS) / "a.csv"
    error = refusal(lambda: preflight.check_data(path))
    assert "expected a folder, received a file" in str(error)
    assert str(tmp_path) in error.remedy


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    assert "is empty" in str(refusal(lambda: preflight.check_data(tmp_path)))


def test_a_folder_without_data_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "trips.xlsx").write_bytes(b"PK")
    error = refusal(lambda: preflight.check_data(tmp_path))
    assert "expected CSV or Parquet files, found trips.xlsx" in str(error)


def spans_of(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("_", "-") / "trips.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


def test_only_the_spans_that_are_read_are_looked_at(tmp_path: Path) -> None:
    spans_of(tmp_path, span_1="not,the,same\n", span_2=ROWS, span_3=ROWS)
    folder = preflight.check_data(tmp_path, "span-{SPAN}/*", "2")
    assert [path.parent.name for path in folder.files] == ["span-2", "span-3"]
    assert (folder.spans, folder.note) == ((2, 3), "")
    error = refusal(lambda: preflight.check_data(tmp_path, "span-{SPAN}/*", "3"))
    assert f"expected the header of {tmp_path / 'span-1/trips.csv'}, received one" in str(error)
    error = refusal(lambda: preflight.check_data(tmp_path, "span-{SPAN}/*", "2:4"))
    assert "span 4 is missing" in str(error)
    assert "--span-range" in error.remedy


def write_parquet(path: Path, **columns: list[object]) -> None:
    pq.write_table(pa.table(columns), path)


def test_parquet_is_checked_by_its_schema(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", fare=[1.5], tips=[0.0])
    folder = preflight.check_data(tmp_path)
    assert (folder.columns, folder.format) == (("fare", "tips"), Format.PARQUET)
    write_parquet(tmp_path / "b.parquet", fare=[1.5])
    error = refusal(lambda: preflight.check_data(tmp_path))
    assert "expected the header of a.parquet, received one without 'tips'" in str(error)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    assert "b.parquet: expected a Parquet file" in str(
        refusal(lambda: preflight.check_data(tmp_path))
    )
    (tmp_path / "b.parquet").unlink()
    write_parquet(tmp_path / "a.parquet", fare=[])
    assert "expected rows below the header" in str(refusal(lambda: preflight.check_data(tmp_path)))


def test_what_stock_cannot_do_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    spans_of(tmp_path / "data", span_1=ROWS, span_2=ROWS)
    config = dataclasses.replace(
        configuration(tmp_path), input_pattern="span-{SPAN}/*", span_range="2", example_gen="csv"
    )
    with pytest.raises(UsageError, match="reads one span, span_range '2' asks for 2"):
        preflight.check(config, tmp_path / "root", min_free_bytes=1)
    for allowed in ("1", "1:1", ""):
        one = dataclasses.replace(config, span_range=allowed)
        assert len(preflight.check(one, tmp_path / "root", min_free_bytes=1).files) == 1
    write_parquet(tmp_path / "data" / "a.parquet", fare=[1.5], tips=[0.0])
    parquet = dataclasses.replace(config, input_pattern="*.parquet", span_range="")
    with pytest.raises(UsageError, match="does not read Parquet"):
        preflight.check(parquet, tmp_path / "root", min_free_bytes=1)


def test_a_folder_inside_the_data_folder_is_named(tmp_path: Path) -> None:
    (data(tmp_path, a=ROWS) / "old").mkdir()
    error = refusal(lambda: preflight.check_data(tmp_path))
    assert "expected files only, but 'old' is none" in str(error)


def test_a_pipe_inside_the_data_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(data(tmp_path, a=ROWS) / "pipe.csv")
    assert "'pipe.csv' is none" in str(refusal(lambda: preflight.check_data(tmp_path)))


def test_a_stray_file_beside_the_csv_is_named(tmp_path: Path) -> None:
    (data(tmp_path, trips=ROWS) / ".notes").write_text("to do: nothing\n")
    error = refusal(lambda: preflight.check_data(tmp_path))
    assert ".notes" in str(error)
    assert "trips.csv" in str(error)


def test_an_unreadable_folder_is_named(as_nobody: Path) -> None:
    folder = as_nobody / "closed"
    folder.mkdir(mode=0o000)
    assert "cannot be read: Permission denied" in str(refusal(lambda: preflight.check_data(folder)))


def test_an_unreadable_file_is_named(as_nobody: Path) -> None:
    path = data(as_nobody, trips=ROWS) / "trips.csv"
    path.chmod(0o000)
    error = refusal(lambda: preflight.check_data(as_nobody))
    assert str(error) == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize("content", ["fare,tips\n", "fare,tips", "fare,tips\n\n\n"])
def test_a_header_alone_is_named(tmp_path: Path, content: str) -> None:
    error = refusal(lambda: preflight.check_data(data(tmp_path, trips=content)))
    assert str(error) == f"{tmp_path / 'trips.csv'}: expected rows below the header, found none"


def test_one_file_of_several_may_have_no_rows(tmp_path: Path) -> None:
    data(tmp_path, monday="fare\n", tuesday="fare\n1\n")
    assert len(preflight.check_data(tmp_path).files) == 2


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("fare,tips,fare", "column 'fare' stands there twice, at 1 and 3"),
        (",fare", "column 1 has no name"),
        ("fare,", "column 2 has no name"),
        ('"fare","tips"', 'expected column names without quotes, received "fare"'),
    ],
)
def test_a_header_that_makes_wrong_features_is_refused(
    tmp_path: Path, header: str, said: str
) -> None:
    cells = "1," * header.count(",") + "1"
    error = refusal(lambda: preflight.check_data(data(tmp_path, trips=f"{header}\n{cells}\n")))
    assert str(error) == f"{tmp_path / 'trips.csv'}, line 1: {said}"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("fare,tips\n1,2\n", "received one without 'company'"),
        ("fare,company,tip\n1,2,3\n", "received one without 'tips' and with 'tip' added"),
        ("company,fare,tips\n1,2,3\n", "received its columns in another order"),
    ],
)
def test_files_with_differing_headers_are_named(tmp_path: Path, second: str, said: str) -> None:
    error = refusal(lambda: preflight.check_data(data(tmp_path, a=ROWS, b=second)))
    assert str(error) == f"{tmp_path / 'b.csv'}: expected the header of a.csv, {said}"


def test_a_ragged_first_row_is_named_by_its_line(tmp_path: Path) -> None:
    error = refusal(lambda: preflight.check_data(data(tmp_path, a="fare,tips\n1,2\n3\n")))
    assert str(error).startswith(f"{tmp_path / 'a.csv'}, line 3: expected 2 cells")


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    with path.open("wb") as file:
        file.write(b"fare\n" + b"1\n" * preflight.ROWS_CHECKED)
        file.truncate(50 * 2**30)  # sparse: zeros, which would be refused if they were read
    assert preflight.check_data(tmp_path).columns == ("fare",)


def test_a_missing_column_is_named_with_the_closest(tmp_path: Path) -> None:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    folder = preflight.check_data(data(tmp_path, trips="fare,tip\n1,2\n"))
    error = refusal(lambda: preflight.check_columns(folder, schema))
    assert str(error) == (
        f"{tmp_path / 'trips.csv'}: column 'tips' is missing; the header has 'fare', 'tip'"
    )
    assert "Rename 'tip'" in error.remedy


def test_an_optional_column_may_be_missing(tmp_path: Path) -> None:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    preflight.check_columns(preflight.check_data(data(tmp_path, a="fare,tips\n1,2\n")), schema)


def test_a_workspace_that_does_not_exist_yet_is_fine_and_not_made(tmp_path: Path) -> None:
    preflight.check_root(tmp_path / "a" / "b", min_free_bytes=1)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_workspace_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refusal(lambda: preflight.check_root(tmp_path / "file" / "ringway"))
    assert f"expected a directory, but {tmp_path / 'file'} is none" in str(error)


def test_a_link_to_nowhere_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "is none" in str(refusal(lambda: preflight.check_root(tmp_path / "link")))


def test_a_workspace_without_the_right_to_write_is_named(as_nobody: Path) -> None:
    (as_nobody / "root").mkdir(mode=0o555)
    error = refusal(lambda: preflight.check_root(as_nobody / "root", min_free_bytes=1))
    assert "cannot be written: Permission denied" in str(error)
    assert "RINGWAY_HOME" in error.remedy


def test_too_little_space_is_told_in_figures(tmp_path: Path) -> None:
    error = refusal(lambda: preflight.check_root(tmp_path, min_free_bytes=2**60))
    assert "expected at least 1,099,511,627,776 MiB free" in str(error)


def test_a_small_disk_is_refused(small_disk: Path) -> None:
    error = refusal(lambda: preflight.check_root(small_disk / "root"))
    assert str(error).endswith("expected at least 256 MiB free on its disk, found 1 MiB")


def test_a_read_only_file_system_is_refused_even_to_root(read_only_disk: Path) -> None:
    error = refusal(lambda: preflight.check_root(read_only_disk / "root"))
    assert "cannot be written: Read-only file system" in str(error)


def test_all_checks_run_for_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data(tmp_path / "data", trips=ROWS)
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    config = configuration(tmp_path)
    root = tmp_path / "root"
    assert preflight.check(config, root, min_free_bytes=1).columns[0] == "fare"
    (tmp_path / "schema.pbtxt").write_text(SCHEMA.replace("tips", "tipps"))
    error = refusal(lambda: preflight.check(config, root, min_free_bytes=1))
    assert "column 'tipps' is missing" in str(error)
    assert not root.exists()


def test_the_checks_import_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.preflight, pipelines.diagnosis, pipelines.schema_review;"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'pandas') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
