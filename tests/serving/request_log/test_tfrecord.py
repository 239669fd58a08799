from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.request_log.tfrecord import (
    CorruptError,
    TFRecordError,
    TornError,
    entries,
    framed,
    masked_crc,
    read_records,
    write_records,
)
from serving.wire.errors import StatusCode

# RFC 3720 appendix B.4: the CRC-32C of 32 zero bytes is 8a9136aa. By hand: rotated right by 15 it
# is 6d551522, and with a282ead8 added 0fd7fffa.
ZEROS = bytes(32)
ZEROS_MASKED = 0x0FD7FFFA
# An empty record as TensorFlow 2.16 writes it.
EMPTY_RECORD = bytes.fromhex("000000000000000029039807d8ea82a2")


def found(data: bytes) -> list[bytes | TFRecordError]:
    return [entry.content for entry in entries(io.BytesIO(data), len(data))]


def test_the_checksum_is_masked():
    assert masked_crc(ZEROS) == ZEROS_MASKED


def test_a_record_is_length_checksum_data_checksum():
    record = framed(ZEROS)
    assert record[:8] == struct.pack("<Q", 32)
    assert record[12:44] == ZEROS
    assert record[44:] == struct.pack("<I", ZEROS_MASKED)
    assert framed(b"") == EMPTY_RECORD


@pytest.mark.parametrize("records", [[], [b""], [b"a", b"", b"ccc"], [b"x" * 3_000_000]])
def test_what_is_written_is_read(tmp_path, records):
    path = tmp_path / "new" / "records"
    assert write_records(path, iter(records)) == len(records)
    assert list(read_records(path)) == records
    assert [file.name for file in path.parent.iterdir()] == ["records"]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "records"
    write_records(path, [b"old"])

    def failing():
        yield b"new"
        raise OSError("source ends")

    with pytest.raises(OSError, match="source ends"):
        write_records(path, failing())
    assert list(read_records(path)) == [b"old"]
    assert [file.name for file in tmp_path.iterdir()] == ["records"]


@pytest.mark.parametrize("cut", range(1, len(framed(b"second"))))
def test_a_file_cut_within_a_record_is_torn(tmp_path, cut):
    path = tmp_path / "records"
    path.write_bytes((framed(b"first") + framed(b"second"))[:-cut])
    records = read_records(path)
    assert next(records) == b"first"
    with pytest.raises(TornError, match=f"{path}: truncated record at 21") as raised:
        next(records)
    assert raised.value.offset == len(framed(b"first")) == 21
    assert raised.value.code == StatusCode.DATA_LOSS


def test_wrong_data_hides_one_record_and_a_wrong_length_all_that_follow():
    first, second, third = (framed(data) for data in (b"first", b"second", b"third"))
    wrong_data = bytearray(second)
    wrong_data[14] ^= 1
    contents = found(first + wrong_data + third)
    assert isinstance(contents[1], CorruptError)
    assert [contents[0], contents[2]] == [b"first", b"third"]

    wrong_length = bytearray(second)
    wrong_length[0] ^= 1
    contents = found(first + wrong_length + third)
    assert contents[0] == b"first"
    assert isinstance(contents[1], CorruptError)
    assert len(contents) == 2


@pytest.mark.parametrize("claimed", [7, 2**40, 2**62, 2**64 - 1])
def test_a_record_that_claims_more_than_there_is_takes_no_memory(tmp_path, claimed):
    path = tmp_path / "records"
    length = struct.pack("<Q", claimed)
    path.write_bytes(length + struct.pack("<I", masked_crc(length)) + b"little")
    with pytest.raises(TornError, match="truncated record at 0"):
        list(read_records(path))


def test_what_is_no_tfrecord_is_corrupt(tmp_path):
    path = tmp_path / "text"
    path.write_text("this is a text, not a file of records")
    with pytest.raises(CorruptError, match="length does not match the checksum"):
        list(read_records(path))


records_of_a_file = st.lists(st.binary(max_size=40), max_size=5)


@given(records_of_a_file, st.data())
def test_damage_never_yields_a_record_that_was_not_written(records, data):
    file = bytearray(b"".join(map(framed, records)))
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        place = data.draw(st.integers(0, max(len(file) - 1, 0)))
        if kind == "flip" and file:
            file[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del file[place : place + data.draw(st.integers(1, 30))]
        else:
            file[place:place] = data.draw(st.binary(max_size=30))
    for content in found(bytes(file)):
        assert isinstance(content, TornError | CorruptError) or content in records


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_to_an_end(data):
    assert all(isinstance(content, bytes | TFRecordError) for content in found(data))
