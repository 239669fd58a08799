"""Work in a process of its own: how its end is told."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.workspace import REPOSITORY

PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
from pipelines.runners.kubeflow import supervision

def work():
    {work}

print(supervision.apart(work, grace_sec=0.5))
"""


def start(work: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("return 0", "0"),
        ("return 3", "3"),
        ("sys.exit(4)", "4"),
        ("raise ValueError", "1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Death(signal=9, is_asked=False)"),
        ("os.abort()", "Death(signal=6, is_asked=False)"),
    ],
)
def test_how_work_ends_is_told(work: str, expected: str, tmp_path: Path) -> None:
    assert start(work, tmp_path).communicate(timeout=60)[0].strip() == expected


@pytest.mark.parametrize(("ignores", "number"), [(False, signal.SIGTERM), (True, signal.SIGKILL)])
def test_sigterm_is_handed_on_and_followed_by_sigkill(
    *, ignores: bool, number: int, tmp_path: Path
) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignores else ""
    process = start(f"{ignore}Path('there').touch(); time.sleep(600)", tmp_path)
    while not (tmp_path / "there").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)[0].strip()
    assert told == f"Death(signal={int(number)}, is_asked=True)"


def test_what_the_work_started_ends_with_it(tmp_path: Path) -> None:
    process = start("subprocess.Popen(['sleep', '600']); return 0", tmp_path)
    # Its output is the child's too: this returns when nobody holds it any more.
    assert process.communicate(timeout=60)[0].strip() == "0"


def test_work_does_not_outlive_the_one_that_waits(tmp_path: Path) -> None:
    process = start("Path('there').touch(); time.sleep(600)", tmp_path)
    while not (tmp_path / "there").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
