"""TFRecord files, read back by TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from components.arrow_example_gen.record_files import RecordFiles, framed

RECORDS = [b"", b"one", b"\x00" * 300, "größe".encode(), b"one"]


def array(records: list[bytes]) -> pa.Array:
    return pa.array(records, pa.large_binary())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(folder: Path) -> list[bytes]:
    files = [str(folder / name) for name in names(folder)]
    return list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def test_frames_are_those_that_tensorflow_writes(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert b"".join(framed(array(RECORDS)).to_pylist()) == (tmp_path / "file").read_bytes()


def test_records_are_read_back_in_their_order(tmp_path: Path) -> None:
    with RecordFiles(str(tmp_path / "out")) as files:
        for _ in range(20):
            files.write(framed(array(RECORDS)))
    assert files.count == 100
    assert names(tmp_path / "out") == ["data_tfrecord-00000-of-00001.gz"]
    assert read(tmp_path / "out") == RECORDS * 20


def test_parts_of_an_array_are_written_as_such(tmp_path: Path) -> None:
    with RecordFiles(str(tmp_path / "out")) as files:
        files.write(framed(array(RECORDS)).slice(1, 3))
        files.write(framed(array(RECORDS)).slice(2, 0))
        files.write(framed(array([])))
    assert read(tmp_path / "out") == RECORDS[1:4]


def test_a_split_without_records_has_an_empty_file(tmp_path: Path) -> None:
    with RecordFiles(str(tmp_path / "out")):
        pass
    assert names(tmp_path / "out") == ["data_tfrecord-00000-of-00001.gz"]
    assert read(tmp_path / "out") == []


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    with RecordFiles(str(tmp_path / "out"), file_bytes=30) as files:
        for record in (b"x" * 20, b"y" * 20, b"z"):
            files.write(framed(array([record])))
    assert names(tmp_path / "out") == [
        f"data_tfrecord-{place:05d}-of-00003.gz" for place in range(3)
    ]
    assert read(tmp_path / "out") == [b"x" * 20, b"y" * 20, b"z"]


def test_what_is_broken_off_gets_no_final_name(tmp_path: Path) -> None:
    def break_off() -> None:
        with RecordFiles(str(tmp_path / "out")) as files:
            files.write(framed(array(RECORDS)))
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert names(tmp_path / "out") == [".data_tfrecord-00000.tmp"]


def test_a_failure_to_write_is_told(tmp_path: Path) -> None:
    def write_without_a_folder() -> None:
        with RecordFiles(str(tmp_path / "out"), file_bytes=1) as files:
            shutil.rmtree(tmp_path / "out")
            for _ in range(3):
                files.write(framed(array(RECORDS)))

    with pytest.raises(tf.errors.NotFoundError):
        write_without_a_folder()
