from __future__ import annotations

import errno
import os
import shutil

import pytest
from request_log_records import NOW, unfinished_files, written_records

from serving.request_log.shard_names import LogPrefix, finished_shards
from serving.request_log.shard_writer import Backoff, ShardWriter
from serving.request_log.shards import ShardLimits
from serving.request_log.tfrecord import framed


class Disk:
    """Writes for real, with a clock and a fault to set."""

    def __init__(self, folder):
        self.folder = folder
        self.now = NOW
        self.room = None
        self.fault = OSError(errno.ENOSPC, "No space left on device")

    def clock(self) -> float:
        return self.now

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.room is None:
            return os.write(descriptor, data)
        if not self.room:
            raise self.fault
        done = os.write(descriptor, data[: self.room])
        self.room -= done
        return done

    def writer(self, max_bytes=1000, max_age_sec=60.0) -> ShardWriter:
        return ShardWriter(
            LogPrefix(self.folder, "requests"),
            ("host", 4711),
            ShardLimits(max_bytes, max_age_sec),
            self.clock,
            Backoff(1.0, 8.0),
            self.write,
        )

    def shards(self) -> int:
        return len(finished_shards(self.folder))


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "log")


def frames(*data: bytes) -> list[bytes]:
    return [framed(each) for each in data]


TEN = [b"%04d" % number for number in range(10)]  # 20 bytes each when framed


@pytest.mark.parametrize(
    ("max_bytes", "sizes"),
    [
        (1000, [200]),
        (200, [200]),
        (199, [180, 20]),
        (60, [60, 60, 60, 20]),
        (59, [40, 40, 40, 40, 40]),
        (1, [20] * 10),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_new_shard_begins_when_one_is_full(disk, max_bytes, sizes, at_once):
    writer = disk.writer(max_bytes)
    for batch in [TEN] if at_once else [[each] for each in TEN]:
        writer.append(frames(*batch))
    writer.close()
    found = [path.stat().st_size for _, path in finished_shards(disk.folder)]
    assert found == sizes
    assert written_records(disk.folder) == TEN
    assert (writer.written, writer.dropped, writer.bytes) == (10, 0, 200)
    assert writer.shards == len(sizes)


def test_a_shard_is_finished_when_it_is_old(disk):
    writer = disk.writer()
    writer.append(frames(b"one"))
    disk.now += 59.9
    writer.tick()
    assert disk.shards() == 0
    disk.now += 0.1
    writer.tick()
    assert disk.shards() == 1
    assert not writer.busy
    writer.append(frames(b"two"))
    disk.now += 60
    writer.append(frames(b"three"))  # without a tick between
    assert [name.started - NOW for name, _ in finished_shards(disk.folder)] == [0, 60]
    writer.close()
    assert [name.started - NOW for name, _ in finished_shards(disk.folder)] == [0, 60, 120]


def test_a_full_shard_is_not_kept_waiting(disk):
    writer = disk.writer(max_bytes=40)
    writer.append(frames(*TEN[:2]))
    assert disk.shards() == 1
    assert not writer.busy


def test_nothing_to_log_makes_no_file(disk):
    writer = disk.writer()
    writer.append([])
    writer.tick()
    writer.close()
    assert not disk.folder.exists()


def test_a_full_disk_costs_only_what_does_not_fit(disk):
    writer = disk.writer()
    disk.room = 70  # three records of 20 bytes, and half of one
    writer.append(frames(*TEN))
    assert (writer.written, writer.dropped) == (3, 7)
    assert written_records(disk.folder) == TEN[:3]
    assert unfinished_files(disk.folder) == []


def test_a_failing_disk_is_left_alone_longer_and_longer(disk):
    writer = disk.writer()
    disk.room = 0
    tried = []
    for tenth in range(300):
        disk.now = NOW + tenth / 10
        if writer.available:
            tried.append(disk.now - NOW)
        writer.append(frames(b"x"))
    # After 1, 2, 4, 8 and then every 8 seconds.
    assert [round(time, 1) for time in tried] == [0, 1, 3, 7, 15, 23]
    assert (writer.written, writer.dropped) == (0, 300)
    assert unfinished_files(disk.folder) == []
    disk.now += 8
    disk.room = None
    writer.append(frames(b"again"))
    writer.append(frames(b"at once"))
    writer.close()
    assert written_records(disk.folder) == [b"again", b"at once"]


def test_a_clock_that_is_set_back_does_not_prolong_the_wait(disk):
    writer = disk.writer()
    disk.room = 0
    writer.append(frames(b"x"))
    assert not writer.available
    disk.now -= 3600
    assert writer.available


def test_a_shard_is_as_old_as_its_first_record(disk):
    """A simulated clock may jump between a request and the moment at which it is written."""
    writer = disk.writer()
    disk.now += 86_400
    writer.append(frames(b"of yesterday"), NOW)
    ((_, name),) = [(path, path.name) for path in unfinished_files(disk.folder)]
    writer.tick()
    ((shard, _),) = finished_shards(disk.folder)
    assert (shard.started, shard.unfinished) == (NOW, name)


def test_a_failing_disk_is_left_alone_by_the_clock_for_that(disk):
    waiting = [0.0]
    writer = ShardWriter(
        LogPrefix(disk.folder, "requests"),
        ("host", 4711),
        ShardLimits(1000, 60.0),
        disk.clock,
        Backoff(1.0, 8.0),
        disk.write,
        lambda: waiting[0],
    )
    disk.room = 0
    writer.append(frames(b"x"))
    disk.now += 86_400
    assert not writer.available
    waiting[0] += 1.0
    assert writer.available


@pytest.mark.parametrize(("failures", "delay"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (9999, 8)])
def test_the_wait_doubles_up_to_its_bound(failures, delay):
    assert Backoff(1.0, 8.0).delay_sec(failures) == delay


def test_a_shard_that_cannot_be_finished_is_the_only_one(disk):
    writer = disk.writer()
    writer.append(frames(b"one"))
    blocked = disk.folder / unfinished_files(disk.folder)[0].name[1:-4]
    blocked.mkdir()
    (blocked / "file").touch()  # so that no rename can replace it
    for _ in range(5):
        disk.now += 100
        writer.tick()
        writer.append(frames(b"lost"))
    assert len(unfinished_files(disk.folder)) == 1
    assert (writer.written, writer.dropped) == (1, 5)
    shutil.rmtree(blocked)
    disk.now += 100
    writer.append(frames(b"two"))
    writer.close()
    assert written_records(disk.folder) == [b"one", b"two"]


def test_nothing_is_added_to_a_shard_after_a_failed_write(disk):
    writer = disk.writer()
    writer.append(frames(b"0000"))
    blocked = disk.folder / unfinished_files(disk.folder)[0].name[1:-4]
    blocked.mkdir()
    (blocked / "file").touch()
    disk.room = 30  # one record of 20 bytes, and half of one
    writer.append(frames(*TEN[1:4]))
    shutil.rmtree(blocked)
    disk.now += 1
    disk.room = None
    writer.append(frames(*TEN[4:]))
    writer.close()
    assert written_records(disk.folder) == [*TEN[:2], *TEN[4:]]
    assert disk.shards() == 2


def test_a_folder_that_is_removed_is_made_again(disk):
    writer = disk.writer()
    writer.append(frames(b"one", b"two"))
    shutil.rmtree(disk.folder)
    disk.now += 60
    writer.tick()
    assert (writer.written, writer.dropped) == (2, 2)
    disk.now += 60
    writer.append(frames(b"three"))
    writer.close()
    assert written_records(disk.folder) == [b"three"]


def test_a_folder_that_cannot_be_made_drops(disk, caplog):
    disk.folder.write_text("a file")
    writer = disk.writer()
    writer.append(frames(b"one"))
    disk.now += 100
    writer.append(frames(b"two"))
    writer.close()
    assert (writer.written, writer.dropped) == (0, 2)
    told = [each.getMessage() for each in caplog.records if "cannot be written" in each.message]
    assert len(told) == 1


def test_two_writers_share_a_folder_and_even_a_name(disk):
    one, other = disk.writer(), disk.writer()
    for number in range(5):
        one.append(frames(b"one %d" % number))
        other.append(frames(b"other %d" % number))
    one.close()
    other.close()
    assert sorted(written_records(disk.folder)) == [
        *(b"one %d" % number for number in range(5)),
        *(b"other %d" % number for number in range(5)),
    ]
    assert disk.shards() == 2


def test_want_of_memory_is_treated_as_a_failing_disk(disk):
    writer = disk.writer()
    writer.append(frames(b"one"))
    disk.room, disk.fault = 0, MemoryError()
    writer.append(frames(b"two"))
    assert (writer.written, writer.dropped, writer.available) == (1, 1, False)
    disk.room = None
    disk.now += 1
    writer.append(frames(b"three"))
    writer.close()
    assert written_records(disk.folder) == [b"one", b"three"]
