import multiprocessing
from pathlib import Path

import pytest

from pipelines.errors import BusyError
from pipelines.runners.local.lock import exclusive


def hold(path: Path, connection) -> None:
    with exclusive(path, name="taxi", wait=False, on_wait=print):
        connection.send("held")
        connection.recv()


@pytest.fixture
def holder(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    connection, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path / "lock", theirs))
    process.start()
    assert connection.recv() == "held"
    yield process, connection
    process.kill()
    process.join()


def test_refuses_while_another_process_runs_and_says_which(tmp_path: Path, holder) -> None:
    process, _ = holder
    with (
        pytest.raises(BusyError, match=f"taxi is already being run by process {process.pid}"),
        exclusive(tmp_path / "lock", name="taxi", wait=False, on_wait=print),
    ):
        pytest.fail("both hold the lock")


def test_waits_until_the_other_ends(tmp_path: Path, holder) -> None:
    process, connection = holder
    said: list[str] = []

    def end_the_other(seconds: float) -> None:
        assert seconds > 0
        connection.send("release")
        process.join()

    with exclusive(
        tmp_path / "lock", name="taxi", wait=True, on_wait=said.append, sleep=end_the_other
    ):
        assert not process.is_alive()
    assert said == [said[0]]
    assert f"process {process.pid}" in said[0]


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path, holder) -> None:
    process, _ = holder
    process.kill()
    process.join()
    with exclusive(tmp_path / "lock", name="taxi", wait=False, on_wait=print):
        pass
