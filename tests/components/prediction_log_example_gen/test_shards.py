from __future__ import annotations

import os
from pathlib import Path

import log_gen_records as logs
import pytest

from components.prediction_log_example_gen import windows
from components.prediction_log_example_gen.shards import (
    Shard,
    contents,
    fingerprint,
    shards_of,
    unfinished,
)
from components.prediction_log_example_gen.tally import Tally, as_tree
from serving.request_log.shard_names import ShardName

WINDOW = windows.of_span(logs.HOUR, logs.SPAN)
RECORDS = [logs.record("predict", logs.taxi_rows([fare]), f"id {fare}") for fare in (1.0, 2.0, 3.0)]
END = logs.START + logs.HOUR


def shard(folder: Path, started: int, written: float, prefix: str = "r") -> str:
    path = folder / ShardName(prefix, started, "host", 1, 0).final
    path.write_bytes(b"")
    os.utime(path, (written, written))
    return str(path)


def test_shards_are_chosen_by_name_and_time(tmp_path: Path) -> None:
    shard(tmp_path, logs.START - 9000, logs.START - 8000)
    over = shard(tmp_path, logs.START - 50, logs.START + 10)
    inside = shard(tmp_path, logs.START + 50, logs.START + 110)
    late = shard(tmp_path, END + 50, END + 110)
    shard(tmp_path, END + 2 * logs.HOUR, END + 2 * logs.HOUR + 60)
    (tmp_path / "other.txt").write_text("")
    assert [found.path for found in shards_of(tmp_path, None, WINDOW)] == [over, inside, late]


def test_a_prefix_chooses_among_logs(tmp_path: Path) -> None:
    wanted = shard(tmp_path, logs.START, logs.NOW)
    shard(tmp_path, logs.START, logs.NOW, prefix="other")
    assert shards_of(tmp_path, "r", WINDOW) == [Shard(wanted, logs.START)]
    assert len(shards_of(tmp_path, None, WINDOW)) == 2


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="log_folder: expected the folder of a request log"):
        shards_of(tmp_path / "none", None, WINDOW)


def test_unfinished_shards_are_told(tmp_path: Path) -> None:
    shard(tmp_path, logs.START, logs.NOW)
    name = ShardName("r", logs.START, "host", 2, 0)
    for each in (name, ShardName("r", END + 9000, "host", 3, 0)):
        (tmp_path / each.unfinished).write_bytes(b"")
    assert unfinished(tmp_path, None, WINDOW) == [name.unfinished]
    assert unfinished(tmp_path, "other", WINDOW) == []


def test_a_fingerprint_changes_when_a_record_comes(tmp_path: Path) -> None:
    before = fingerprint(tmp_path, None, WINDOW)
    shard(tmp_path, logs.START, logs.NOW)
    with_one = fingerprint(tmp_path, None, WINDOW)
    shard(tmp_path, END + 2 * logs.HOUR, logs.NOW)  # of another window
    assert before != with_one == fingerprint(tmp_path, None, WINDOW)


def test_records_come_with_their_places(tmp_path: Path) -> None:
    path = logs.write_log(tmp_path, RECORDS)
    tally = Tally()
    found = list(contents(Shard(str(path), logs.START), tally))
    assert [content for _, content in found] == [b"".join(parts) for parts in RECORDS]
    # A record takes 12 bytes before its data and 4 after it.
    size = len(b"".join(RECORDS[0])) + 16
    assert [place.offset for place, _ in found] == [0, size, 2 * size]
    assert str(found[1][0]) == f"{path.name} at byte {size}"
    assert as_tree(tally) == {"shards": {"read": 1}, "examples": {}}


def test_damage_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = logs.write_log(tmp_path, RECORDS)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data[:-1])
    tally = Tally()
    [(_, content)] = contents(Shard(str(path), logs.START), tally)
    assert content == b"".join(RECORDS[1])
    report = as_tree(tally)
    assert report["shards"] == {"read": 1, "torn": 1}
    assert report["records"] == {"found": 1, "corrupt": 1}
    assert path.name in report["examples"]["records / corrupt"][0]


def test_a_shard_that_is_gone_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    assert list(contents(Shard(str(tmp_path / "gone"), logs.START), tally)) == []
    assert as_tree(tally)["shards"] == {"unreadable": 1}


def test_a_shard_that_was_followed_before_the_window_is_not_read(tmp_path: Path) -> None:
    # Under a simulated clock files are written at any time.
    written = END + 100 * logs.HOUR
    shard(tmp_path, logs.START - 5 * logs.HOUR, written)
    followed_within = shard(tmp_path, logs.START - 3 * logs.HOUR, written)
    other_process = ShardName("r", logs.START - 4 * logs.HOUR, "host", 2, 0)
    (tmp_path / other_process.final).write_bytes(b"")
    os.utime(tmp_path / other_process.final, (written, written))
    last = shard(tmp_path, logs.START + 5, written)
    found = [one.path for one in shards_of(tmp_path, None, WINDOW)]
    assert found == [str(tmp_path / other_process.final), followed_within, last]
