"""The request log on a disk that is full, for real: a small file system in memory."""

from __future__ import annotations

import subprocess
import time

import pytest
from request_log_records import unfinished_files, written_records

from serving.request_log.shard_names import finished_shards
from serving.request_log.shard_writer import Backoff
from serving.request_log.writer import RequestLog

DISK_KIB = 256
RECORD_BYTES = 1000


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "ringway-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def until(holds) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def numbered(number: int) -> bytes:
    return b"%08d" % number + bytes(RECORD_BYTES - 8)


def offer(log: RequestLog, numbers) -> None:
    """Offers records, a few at a time, and waits until each of them has met its fate."""
    for number in numbers:
        assert log.offer(numbered(number))
        if number % 20 == 19:
            until(lambda: settled(log))
    until(lambda: settled(log))


def settled(log: RequestLog) -> bool:
    counters = log.counters()
    return counters.written + counters.dropped_disk == counters.offered


def numbers_in(folder) -> list[int]:
    return [int(data[:8]) for data in written_records(folder)]


@pytest.mark.parametrize("max_shard_bytes", [50_000, 10_000_000])
def test_a_full_disk_drops_and_counts_and_goes_on_when_there_is_space(small_disk, max_shard_bytes):
    log = RequestLog(
        small_disk / "requests", max_shard_bytes=max_shard_bytes, backoff=Backoff(0.01, 0.05)
    )
    offer(log, range(400))  # half as much again as there is room for
    full = log.counters()
    assert full.dropped_disk > 0
    assert full.written >= 200
    assert full.dropped_queue == full.failed == 0
    # All that was written can be read, in order, and nothing was removed to make room.
    assert numbers_in(small_disk) == list(range(full.written))
    assert unfinished_files(small_disk) == []

    until(lambda: retried(log, full.dropped_disk))
    assert numbers_in(small_disk) == list(range(full.written))

    for _, path in finished_shards(small_disk):
        path.unlink()
    until(lambda: retried_well(log, full.written))
    offer(log, range(2000, 2100))
    assert log.close()
    assert numbers_in(small_disk)[-100:] == list(range(2000, 2100))
    assert unfinished_files(small_disk) == []


def retried(log: RequestLog, dropped: int) -> bool:
    """Goes on offering to a disk that is full; true once that has failed a few more times."""
    offer(log, range(1000, 1010))
    return log.counters().dropped_disk >= dropped + 100


def retried_well(log: RequestLog, written: int) -> bool:
    offer(log, [1999])
    return log.counters().written > written
