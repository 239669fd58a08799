from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from request_log_records import NOW, record

from serving.request_log.reader import LogReader, ReadCounts
from serving.request_log.shard_names import ShardName
from serving.request_log.tfrecord import framed, write_records


def write_shard(folder, started: float, records: list[bytes], prefix="requests", closed=None):
    path = folder / ShardName(prefix, int(started), "host", 1, 0).final
    write_records(path, records)
    os.utime(path, (started if closed is None else closed,) * 2)
    return path


def made(request_id: str, now: float) -> bytes:
    return record(request_id, now).SerializeToString()


def ids(reader: LogReader) -> list[str]:
    return [each.log_metadata.request_id for each in reader]


@pytest.fixture
def hours(tmp_path):
    """A log of three shards, one an hour, with three records each."""
    for hour in range(3):
        begin = NOW + hour * 3600
        records = [made(f"{hour}:{minute}", begin + minute * 60) for minute in (0, 20, 40)]
        write_shard(tmp_path, begin, records, closed=begin + 2400)
    return tmp_path


def test_a_log_is_read_in_the_order_of_time(hours):
    reader = LogReader(hours)
    assert ids(reader) == [f"{hour}:{minute}" for hour in range(3) for minute in (0, 20, 40)]
    assert reader.counts == ReadCounts(shards=3, records=9)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (0, 3600, ["0:0", "0:20", "0:40"]),
        (2400, 3601, ["0:40", "1:0"]),
        (2401, 3600, []),
        (8400, 1e9, ["2:20", "2:40"]),
        (-1e9, 0, []),
    ],
)
def test_a_range_begins_with_its_first_second_and_ends_before_its_last(
    hours, since, until, expected
):
    assert ids(LogReader(hours, since=NOW + since, until=NOW + until)) == expected


def test_shards_outside_the_range_are_not_opened(hours):
    # An hour of lag is allowed for on both sides.
    for since, until, shards in [(0, 1, 2), (0, 0, 1), (6001, 7000, 2), (6000, 7000, 3)]:
        reader = LogReader(hours, since=NOW + since, until=NOW + until)
        list(reader)
        assert reader.counts.shards == shards
        assert reader.counts.records + reader.counts.outside == 3 * shards


def test_only_the_prefix_asked_for_is_read(tmp_path):
    write_shard(tmp_path, NOW, [made("a", NOW)], "a")
    write_shard(tmp_path, NOW, [made("b", NOW)], "b")
    assert ids(LogReader(tmp_path, prefix="b")) == ["b"]
    assert sorted(ids(LogReader(tmp_path))) == ["a", "b"]


def test_a_missing_folder_holds_no_records(tmp_path):
    reader = LogReader(tmp_path / "missing")
    assert list(reader) == []
    assert reader.counts == ReadCounts()


def test_damage_is_counted_and_passed_over(tmp_path):
    good = [made(name, NOW) for name in ("a", "b", "c", "d")]
    frames = [framed(data) for data in good]
    flipped = bytearray(frames[1])
    flipped[20] ^= 1
    shards = {
        0: frames[0] + flipped + frames[2],
        1: frames[3] + frames[0][:-1],
        2: framed(b"\xff\xff no message") + frames[1],
        3: b"not a TFRecord at all",
        4: b"",
    }
    for second, data in shards.items():
        (tmp_path / ShardName("r", int(NOW) + second, "h", 1, 0).final).write_bytes(data)
    (tmp_path / ShardName("r", int(NOW) + 5, "h", 1, 0).final).mkdir()
    reader = LogReader(tmp_path)
    assert ids(reader) == ["a", "c", "d", "b"]
    assert reader.counts == ReadCounts(shards=5, records=4, corrupt=3, torn=1, unreadable=1)


def test_unfinished_shards_are_not_read(tmp_path):
    name = ShardName("r", int(NOW), "h", 1, 0)
    (tmp_path / name.unfinished).write_bytes(framed(made("a", NOW)))
    assert list(LogReader(tmp_path)) == []


@given(st.binary(min_size=1, max_size=20), st.integers(0, 400), st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_damage_makes_the_reader_raise(tmp_path, noise, place, removed):
    data = bytearray(b"".join(framed(made(name, NOW)) for name in ("a", "b", "c")))
    data[place : place + removed] = noise
    path = tmp_path / ShardName("r", int(NOW), "h", 1, 0).final
    path.write_bytes(data)
    reader = LogReader(tmp_path)
    assert set(ids(reader)) <= {"a", "b", "c"}
    assert reader.counts.records <= 3
