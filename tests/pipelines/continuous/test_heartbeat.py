"""The sign of life of a loop."""

from __future__ import annotations

from pathlib import Path

from pipelines.continuous import heartbeat
from pipelines.continuous.heartbeat import Heartbeat


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "flights"
    beat = Heartbeat(tick=3, began_clock=1.5, ended_clock=2.5, pid=7, said=("skew: OK",))

    heartbeat.write(beat, folder)

    assert heartbeat.read(folder) == beat
    assert [path.name for path in folder.iterdir()] == [heartbeat.FILE]


def test_no_file_or_a_torn_one_is_no_sign_of_life(tmp_path: Path) -> None:
    assert heartbeat.read(tmp_path) is None
    (tmp_path / heartbeat.FILE).write_text('{"tick": 3')
    assert heartbeat.read(tmp_path) is None
