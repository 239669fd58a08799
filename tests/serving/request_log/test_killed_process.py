"""Processes that write one folder, and are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import request_log_process
from request_log_records import unfinished_files, written_records

from serving.request_log.reader import LogReader
from serving.request_log.salvage import salvage
from serving.request_log.shard_names import LogPrefix, finished_shards

REPOSITORY = Path(request_log_process.__file__).parents[2]
RECORD_BYTES = 500


def start(prefix: Path, *count: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, request_log_process.__file__, str(prefix), str(RECORD_BYTES), *count],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def kill_after(process: subprocess.Popen[str], written: int) -> int:
    """Kills a process once it has written so many; returns how many it said it had."""
    assert process.stdout is not None
    known = 0
    while known < written:
        known = int(process.stdout.readline())
    process.kill()
    rest = process.stdout.read().splitlines()
    process.wait(60)
    process.stdout.close()
    return int(rest[-1]) if rest else known


def numbers_in(folder: Path) -> list[int]:
    return [int(data[:12]) for data in written_records(folder)]


def test_a_killed_process_loses_only_its_tail(tmp_path):
    for round_number, written in enumerate((1, 700, 1500)):
        folder = tmp_path / str(round_number)
        known = kill_after(start(folder / "requests"), written)
        finished = numbers_in(folder)  # readable as it is
        assert finished == list(range(len(finished)))

        salvage(LogPrefix(folder, "requests"))
        numbers = numbers_in(folder)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= known
        assert unfinished_files(folder) == []


def test_a_restarted_server_salvages_and_goes_on(tmp_path):
    known = kill_after(start(tmp_path / "requests"), 300)
    restarted = start(tmp_path / "requests", "100")
    restarted.communicate(timeout=60)
    numbers = numbers_in(tmp_path)
    salvaged = len(numbers) - 100
    assert salvaged >= known
    assert sorted(numbers) == sorted([*range(salvaged), *range(100)])
    assert unfinished_files(tmp_path) == []


def test_two_servers_write_one_folder(tmp_path):
    servers = [start(tmp_path / "requests", "2000") for _ in range(2)]
    for server in servers:
        server.communicate(timeout=60)
        assert server.returncode == 0
    assert sorted(numbers_in(tmp_path)) == sorted([*range(2000), *range(2000)])
    owners = {name.pid for name, _ in finished_shards(tmp_path)}
    assert owners == {server.pid for server in servers}
    assert LogReader(tmp_path).counts.corrupt == 0


def test_a_killed_server_leaves_the_other_alone(tmp_path):
    killed, living = start(tmp_path / "requests"), start(tmp_path / "requests")
    kill_after(killed, 200)
    salvage(LogPrefix(tmp_path, "requests"))
    assert [path.name.split("-")[-2] for path in unfinished_files(tmp_path)] in (
        [str(living.pid)],
        [],  # just between two shards
    )
    known = kill_after(living, 400)
    salvage(LogPrefix(tmp_path, "requests"))
    own = {name.pid: path for name, path in finished_shards(tmp_path) if name.pid == living.pid}
    assert own
    assert len(numbers_in(tmp_path)) >= known + 200
    assert unfinished_files(tmp_path) == []
