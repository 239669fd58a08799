from __future__ import annotations

import fcntl
import os

import pytest
from request_log_records import NOW, unfinished_files

from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.shards import ShardLimits, UnfinishedShard, locked
from serving.request_log.tfrecord import framed, read_records

NAME = ShardName("requests", int(NOW), "host-1", 4711, 3)
FINAL = "requests-20261121T163000Z-host-1-4711-000003.tfrecord"


@pytest.mark.parametrize(
    ("age", "due"), [(0, False), (59.9, False), (60, True), (1e9, True), (-0.1, True)]
)
def test_a_shard_is_due_when_it_is_old_or_the_clock_went_back(age, due):
    assert ShardLimits(100, 60.0).aged(NOW, NOW + age) is due


@pytest.mark.parametrize(
    ("used", "sizes", "count"),
    [
        (0, [], 0),
        (0, [40, 40, 40], 2),
        (0, [50, 50], 2),
        (20, [40, 40, 40], 2),
        (61, [40], 0),
        (100, [1], 0),
        (0, [101, 1], 1),  # alone, however large
        (1, [101], 0),
    ],
)
def test_a_shard_takes_what_fits(used, sizes, count):
    assert ShardLimits(100, 60.0).fitting(used, sizes) == count


def test_a_shard_appears_when_it_is_finished(tmp_path):
    shard = UnfinishedShard.create(tmp_path / "new", NAME, NOW)
    shard.append([framed(b"one"), framed(b"two")])
    assert finished_shards(tmp_path / "new") == []
    shard.finish()
    path = tmp_path / "new" / FINAL
    assert list(read_records(path)) == [b"one", b"two"]
    assert [file.name for file in path.parent.iterdir()] == [FINAL]
    assert path.stat().st_mode & 0o007 == 0


def test_an_empty_shard_vanishes(tmp_path):
    UnfinishedShard.create(tmp_path, NAME, NOW).finish()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_passed_over(tmp_path):
    (tmp_path / FINAL).write_bytes(b"finished earlier")
    (tmp_path / NAME.following().unfinished).write_bytes(b"being written")
    shard = UnfinishedShard.create(tmp_path, NAME, NOW)
    shard.append([framed(b"one")])
    shard.finish()
    assert shard.name.sequence == 5
    assert (tmp_path / FINAL).read_bytes() == b"finished earlier"
    assert [path.name for path in unfinished_files(tmp_path)] == [NAME.following().unfinished]


def test_a_shard_is_locked_while_it_is_written(tmp_path):
    shard = UnfinishedShard.create(tmp_path, NAME, NOW)
    with (tmp_path / NAME.unfinished).open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shard.release()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("taken_by", ["nobody", "another"])
def test_a_file_that_lost_its_name_cannot_be_locked(tmp_path, taken_by):
    path = tmp_path / "file"
    with path.open("w") as file:
        path.unlink()
        if taken_by == "another":
            path.touch()
        assert not locked(file.fileno(), path)


@pytest.mark.parametrize(("room", "whole"), [(0, 0), (18, 0), (19, 1), (20, 1), (38, 2), (56, 2)])
def test_a_failed_write_keeps_whole_records(tmp_path, room, whole):
    left = [room]

    def write(descriptor: int, data: memoryview) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        done = os.write(descriptor, data[: left[0]])
        left[0] -= done
        return done

    shard = UnfinishedShard.create(tmp_path, NAME, NOW, write)
    frames = [framed(data) for data in (b"one", b"two", b"six")]  # 16 bytes around each
    with pytest.raises(OSError, match="No space left"):
        shard.append(frames)
    assert (shard.records, shard.size) == (whole, whole * 19)
    shard.finish()
    kept = [data for _, path in finished_shards(tmp_path) for data in read_records(path)]
    assert kept == [b"one", b"two", b"six"][:whole]
    assert unfinished_files(tmp_path) == []
