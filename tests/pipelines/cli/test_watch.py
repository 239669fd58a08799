"""`ringway watch` as a process: what it says, how it ends, and who may run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.continuous import heartbeat, ledger
from pipelines.lineage.store import open_store
from pipelines.workspace import REPOSITORY

WATCH = [sys.executable, "-m", "pipelines.cli.main", "watch"]
# Nothing of it makes a run, so that a look costs next to nothing.
IDLE = ["--set", "triggers.new_spans=0"]
WAIT_SEC = 60


def watch(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WATCH, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "RINGWAY_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SEC * 2,
    )


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A loop that has looked once, and looks on."""
    process = subprocess.Popen(
        [*WATCH, "taxi", "--every", "0.1", *IDLE],
        cwd=REPOSITORY,
        env={**os.environ, "RINGWAY_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + WAIT_SEC
    while heartbeat.read(tmp_path / "state" / "taxi") is None:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


def test_a_look_at_nothing_says_so_and_ends_well(tmp_path: Path) -> None:
    done = watch(tmp_path, "taxi", "--once", *IDLE)

    assert (done.returncode, done.stderr) == (0, "")
    assert "no run: no trigger asks for a run" in done.stdout
    beat = heartbeat.read(tmp_path / "state" / "taxi")
    assert beat is not None
    assert beat.said == ("no run: no trigger asks for a run",)


def test_the_settings_that_flights_come_with_are_good(tmp_path: Path) -> None:
    week = tmp_path / "weeks" / "span-1"
    week.mkdir(parents=True)
    (week / "flights.csv").write_text("flight_id,arr_delay\na,1\n")

    done = watch(
        tmp_path,
        "flights",
        "--once",
        "--config",
        "pipelines/flights/watch.toml",
        "--set",
        f"data_root={tmp_path / 'weeks'}",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "new span 1 (1 rows) waits: 3 more of 4 spans" in done.stdout


def test_data_that_is_not_there_is_trouble_and_not_the_end(tmp_path: Path) -> None:
    done = watch(tmp_path, "taxi", "--once", "--set", f"data_root={tmp_path / 'none'}")

    assert done.returncode == 1
    assert f"trouble: the data could not be looked at: data folder {tmp_path / 'none'}" in (
        done.stdout
    )


def test_the_time_is_that_of_the_clock_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("1362355200")

    done = watch(tmp_path, "taxi", "--once", *IDLE, RINGWAY_CLOCK=str(tmp_path / "clock"))

    assert done.stdout.startswith("2013-03-04T00:00:00Z  ")


def test_who_asks_for_a_run_is_kept(tmp_path: Path) -> None:
    done = watch(tmp_path, "taxi", "--ask", "a new company drives")

    assert done.returncode == 0, done.stderr
    store = open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}", read_only=True)
    [request] = ledger.read(store, "taxi", owner="us", is_running=False).requests
    assert request.reason == "a new company drives"
    assert request.id in done.stdout


@pytest.mark.usefixtures("watcher")
def test_a_second_one_on_the_machine_is_refused(tmp_path: Path) -> None:
    done = watch(tmp_path, "taxi", "--once", *IDLE)

    assert done.returncode == 75
    assert "by process" in done.stderr


def test_it_looks_again_and_stops_when_it_is_told(
    tmp_path: Path, watcher: subprocess.Popen[str]
) -> None:
    end = time.monotonic() + WAIT_SEC
    while (beat := heartbeat.read(tmp_path / "state" / "taxi")) is None or beat.tick < 3:
        assert time.monotonic() < end
        time.sleep(0.05)

    watcher.send_signal(signal.SIGTERM)
    output, _ = watcher.communicate(timeout=WAIT_SEC)

    assert watcher.returncode == 0
    lines = [line.partition("  ")[2] for line in output.splitlines()]
    # Said once, however often it is true.
    assert lines == [
        "watches taxi; Ctrl-C stops it",
        "no run: no trigger asks for a run",
        "stopped",
    ]


def test_a_setting_that_makes_no_sense_is_wrong_usage(tmp_path: Path) -> None:
    done = watch(tmp_path, "taxi", "--once", "--set", "triggers.schedule='every day'")

    assert done.returncode == 2
    assert "triggers.schedule" in done.stderr
    assert json.dumps(done.stdout) == '""'
