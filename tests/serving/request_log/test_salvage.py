from __future__ import annotations

import logging
import os

import pytest
from request_log_records import NOW, unfinished_files, written_records

from serving.request_log.salvage import Salvaged, salvage
from serving.request_log.shard_names import LogPrefix, ShardName, finished_shards
from serving.request_log.shards import UnfinishedShard
from serving.request_log.tfrecord import framed

NAME = ShardName("requests", int(NOW), "gone", 4711, 0)
RECORDS = [b"first", b"", b"third record"]
FILE = b"".join(map(framed, RECORDS))
ENDS = [0, 21, 37, 65]  # 16 bytes around each


def leave(folder, data: bytes, name: ShardName = NAME) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name.unfinished).write_bytes(data)


def test_wherever_a_process_died_whole_records_become_a_shard(tmp_path):
    for cut in range(len(FILE) + 1):
        folder = tmp_path / str(cut)
        leave(folder, FILE[:cut])
        whole = sum(1 for end in ENDS[1:] if end <= cut)
        torn = cut - ENDS[whole]
        assert salvage(LogPrefix(folder, "requests")) == Salvaged(int(whole > 0), whole, torn)
        assert written_records(folder) == RECORDS[:whole]
        assert unfinished_files(folder) == []
    assert finished_shards(tmp_path / str(len(FILE)))[0][0] == NAME


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 100, framed(b"bad")[:-1] + b"\0"])
def test_what_is_not_whole_at_the_end_is_cut_off(tmp_path, tail):
    leave(tmp_path, FILE + tail)
    assert salvage(LogPrefix(tmp_path, "requests")) == Salvaged(1, 3, len(tail))
    assert written_records(tmp_path) == RECORDS


def test_nothing_behind_a_corrupt_record_is_kept(tmp_path):
    damaged = bytearray(FILE)
    damaged[ENDS[2] + 12] ^= 1  # the third's data
    leave(tmp_path, bytes(damaged) + FILE)
    assert salvage(LogPrefix(tmp_path, "requests")) == Salvaged(1, 2, len(FILE) + 28)
    assert written_records(tmp_path) == RECORDS[:2]


def test_a_second_salvage_finds_nothing(tmp_path):
    leave(tmp_path, FILE)
    salvage(LogPrefix(tmp_path, "requests"))
    assert salvage(LogPrefix(tmp_path, "requests")) == Salvaged()
    assert salvage(LogPrefix(tmp_path / "missing", "requests")) == Salvaged()


def test_the_shard_of_a_living_writer_stays(tmp_path):
    shard = UnfinishedShard.create(tmp_path, NAME, NOW)
    shard.append([framed(b"one")])
    assert salvage(LogPrefix(tmp_path, "requests")) == Salvaged()
    shard.append([framed(b"two")])
    shard.finish()
    assert written_records(tmp_path) == [b"one", b"two"]


def test_other_logs_and_other_files_stay(tmp_path):
    other = ShardName("requests-b", int(NOW), "gone", 1, 0)
    leave(tmp_path, FILE, other)
    (tmp_path / ".requests.tmp").write_bytes(b"not ours")
    (tmp_path / NAME.unfinished).mkdir()
    target = tmp_path / "target"
    target.write_bytes(FILE)
    (tmp_path / NAME.following().unfinished).symlink_to(target)
    os.mkfifo(tmp_path / NAME.following().following().unfinished)
    before = sorted(path.name for path in tmp_path.iterdir())
    salvage(LogPrefix(tmp_path, "requests"))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert target.read_bytes() == FILE


def test_a_finished_shard_of_the_same_name_is_kept(tmp_path):
    (tmp_path / NAME.final).write_bytes(framed(b"older"))
    leave(tmp_path, FILE)
    salvage(LogPrefix(tmp_path, "requests"))
    assert written_records(tmp_path) == [b"older", *RECORDS]


def test_salvaging_is_told(tmp_path, caplog):
    leave(tmp_path, FILE + b"torn")
    with caplog.at_level(logging.WARNING):
        salvage(LogPrefix(tmp_path, "requests"))
    assert f"Salvaged 3 records of process 4711 as {NAME.final}; 4 bytes" in caplog.text
