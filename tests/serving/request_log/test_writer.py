from __future__ import annotations

import math
import os
import threading
import time
from typing import Any

import pytest
from request_log_records import NOW, record, unfinished_files, written_records

from serving.request_log.shard_names import ShardName, finished_shards
from serving.request_log.tfrecord import framed
from serving.request_log.writer import Counters, RequestLog
from serving.wire import messages
from serving.wire.errors import ServingError, StatusCode


def until(holds) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class SlowDisk:
    """Writes for real, once it is let."""

    def __init__(self):
        self.reached = threading.Event()
        self.let = threading.Event()

    def write(self, descriptor: int, data: memoryview) -> int:
        self.reached.set()
        self.let.wait(60)
        return os.write(descriptor, data)


def config(kind="", prefix="/tmp/log/requests", rate=0.25):
    made = messages.LoggingConfig()
    made.log_collector_config.type = kind
    made.log_collector_config.filename_prefix = prefix
    made.sampling_config.sampling_rate = rate
    return made


def test_what_is_offered_is_written(tmp_path):
    log = RequestLog(tmp_path / "log" / "requests")
    data = [record(f"id-{number}").SerializeToString() for number in range(100)]
    for each in data:
        assert log.offer(each)
    assert log.close()
    assert written_records(tmp_path / "log") == data
    size = sum(len(framed(each)) for each in data)
    assert log.counters() == Counters(offered=100, written=100, bytes=size, shards=1)


def test_records_are_written_without_waiting_for_the_end(tmp_path):
    log = RequestLog(tmp_path / "requests")
    log.offer(b"one")
    until(lambda: log.counters().written == 1)
    assert unfinished_files(tmp_path)[0].read_bytes() == framed(b"one")
    log.close()


def test_an_old_shard_is_finished_though_nothing_comes(tmp_path):
    now = [NOW]
    log = RequestLog(tmp_path / "requests", max_shard_age_sec=60, clock=lambda: now[0])
    log.offer(b"one")
    until(lambda: log.counters().written == 1)
    assert finished_shards(tmp_path) == []
    now[0] += 60
    until(lambda: log.counters().shards == 1)
    assert written_records(tmp_path) == [b"one"]
    log.close()


def test_a_full_shard_is_followed_by_another(tmp_path):
    log = RequestLog(tmp_path / "requests", max_shard_bytes=10_000)
    for _ in range(100):
        log.offer(bytes(984))  # 1,000 when framed
    log.close()
    assert [path.stat().st_size for _, path in finished_shards(tmp_path)] == [10_000] * 10


def test_a_slow_disk_is_not_waited_for_and_a_full_queue_counted(tmp_path):
    disk = SlowDisk()
    log = RequestLog(tmp_path / "requests", queue_records=10, write=disk.write)
    log.offer(b"first")
    assert disk.reached.wait(60)
    # The thread hangs in the write from here on; if an offer waited for it, this would not end.
    assert [log.offer(b"next") for _ in range(25)] == [True] * 10 + [False] * 15
    assert log.counters() == Counters(offered=26, dropped_queue=15)
    disk.let.set()
    assert log.close()
    assert log.counters().written == 11
    assert written_records(tmp_path) == [b"first"] + [b"next"] * 10


def test_the_queue_is_bounded_by_the_bytes_of_all_parts(tmp_path):
    disk = SlowDisk()
    log = RequestLog(tmp_path / "requests", queue_bytes=100, write=disk.write)
    log.offer(b"first")
    assert disk.reached.wait(60)
    fits = [log.offer(bytes(size), bytes(20)) for size in (13, 27, 1, 0, 0)]
    assert fits == [True, True, False, True, False]  # 33, 47, and only 20 more
    disk.let.set()
    assert log.close()
    assert [len(data) for data in written_records(tmp_path)] == [5, 33, 47, 20]


def test_a_hung_disk_does_not_keep_the_log_from_closing(tmp_path):
    disk = SlowDisk()
    log = RequestLog(tmp_path / "requests", write=disk.write)
    log.offer(b"first")
    assert disk.reached.wait(60)
    log.offer(b"second")
    assert not log.close(timeout_sec=0.1)
    assert not log.offer(b"third")
    disk.let.set()
    assert log.close()
    assert written_records(tmp_path) == [b"first"]
    counters = log.counters()
    assert (counters.written, counters.dropped_disk, counters.dropped_queue) == (1, 1, 1)


def test_parts_of_a_record_are_joined(tmp_path):
    log = RequestLog(tmp_path / "requests")
    for parts in ((b"o", b"", b"ne"), (b"two",), ()):
        assert log.offer(*parts)
    log.close()
    assert written_records(tmp_path) == [b"one", b"two", b""]


def test_a_record_that_cannot_be_framed_is_counted(tmp_path, caplog):
    log = RequestLog(tmp_path / "requests")
    mistyped: Any = "text"
    for data in (b"one", mistyped, mistyped, b"two"):
        log.offer(data)
    log.close()
    assert written_records(tmp_path) == [b"one", b"two"]
    assert (log.counters().written, log.counters().failed) == (2, 2)
    assert caplog.text.count("cannot be made ready for the request log: TypeError") == 1


def test_a_closed_log_drops(tmp_path):
    log = RequestLog(tmp_path / "requests")
    assert log.close()
    assert not log.offer(b"late")
    assert log.close()
    assert log.counters() == Counters(offered=1, dropped_queue=1)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_are_salvaged_at_the_start(tmp_path):
    left = ShardName("requests", int(NOW), "gone", 1, 0)
    (tmp_path / left.unfinished).write_bytes(framed(b"one") + framed(b"two") + b"torn")
    log = RequestLog(tmp_path / "requests")
    until(lambda: log.counters().salvaged == 2)
    log.close()
    assert written_records(tmp_path) == [b"one", b"two"]


def test_two_logs_of_one_process_share_a_prefix(tmp_path):
    logs = [RequestLog(tmp_path / "requests") for _ in range(2)]
    for number in range(100):
        logs[number % 2].offer(b"%03d" % number)
    for log in logs:
        assert log.close()
    assert sorted(written_records(tmp_path)) == [b"%03d" % number for number in range(100)]


def test_many_large_records_go_through(tmp_path):
    log = RequestLog(tmp_path / "requests", max_shard_bytes=3 << 20)
    for number in range(8):
        log.offer(bytes([number]) * (1 << 20))
    log.close()
    assert [data[0] for data in written_records(tmp_path)] == list(range(8))


@pytest.mark.parametrize("kind", ["", "file", "ringway"])
def test_a_logging_config_makes_a_log(tmp_path, kind):
    log = RequestLog.from_config(config(kind, f"{tmp_path}/a/requests", 0.25), queue_records=7)
    assert log.sampling_rate == 0.25
    share = sum(log.sampled(f"id-{number}") for number in range(4000)) / 4000
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 4000)
    log.offer(b"one")
    log.close()
    assert written_records(tmp_path / "a") == [b"one"]


def test_a_config_without_a_rate_logs_nothing(tmp_path):
    made = messages.LoggingConfig()
    made.log_collector_config.filename_prefix = f"{tmp_path}/requests"
    log = RequestLog.from_config(made)
    assert not log.sampled("any")
    log.close()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (config(kind="kafka"), r"'file', 'ringway', or be left out\. Received: 'kafka'"),
        (config(prefix=""), r"filename_prefix must be a folder and .* Received: ''"),
        (config(prefix="/logs/"), r"Received: '/logs/'"),
        (config(rate=1.5), r"Received: 1\.5"),
        (config(rate=-1), r"Received: -1\.0"),
        (config(rate=math.nan), r"Received: nan"),
        (messages.LoggingConfig(), r"filename_prefix"),
    ],
)
def test_a_senseless_config_is_an_invalid_argument(bad, told):
    with pytest.raises(ServingError, match=told) as raised:
        RequestLog.from_config(bad)
    assert raised.value.code == StatusCode.INVALID_ARGUMENT
