import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hold_lock
import pytest

from pipelines.errors import BusyError
from pipelines.runners.local.lock import exclusive
from pipelines.workspace import REPOSITORY


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(
        [sys.executable, hold_lock.__file__, str(tmp_path / "lock")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_refuses_while_another_process_runs_and_says_which(
    tmp_path: Path, holder: subprocess.Popen
) -> None:
    with (
        pytest.raises(BusyError, match=f"taxi is already being run by process {holder.pid}"),
        exclusive(tmp_path / "lock", name="taxi", wait=False, on_wait=print),
    ):
        pytest.fail("both hold the lock")


def test_waits_until_the_other_ends(tmp_path: Path, holder: subprocess.Popen) -> None:
    said: list[str] = []

    def end_the_other(seconds: float) -> None:
        assert seconds > 0
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(60)

    with exclusive(
        tmp_path / "lock", name="taxi", wait=True, on_wait=said.append, sleep=end_the_other
    ):
        assert holder.poll() == 0
    assert said == [said[0]]
    assert f"process {holder.pid}" in said[0]


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait(60)
    with exclusive(tmp_path / "lock", name="taxi", wait=False, on_wait=print):
        pass
