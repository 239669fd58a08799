"""Watching real processes: their memory together, their time, and how they end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks import scale_process
from benchmarks.scale_process import Watched

MIB = 2**20
# A child of a child, so that it is found in the tree; both hold memory that is their own.
TWO = """
import subprocess, sys, time
held = bytearray(b"x" * (100 * 2**20))
if len(sys.argv) > 1:
    time.sleep(3)
else:
    subprocess.run([sys.executable, __file__, "child"], check=True)
"""


def watch(code: str, folder: Path, *, mib: float = 4096, seconds: float = 120) -> Watched:
    program = folder / "program.py"
    program.write_text(code)
    return scale_process.watch(
        [sys.executable, str(program)],
        environment=dict(os.environ),
        folder=folder,
        log=folder / "log",
        memory_limit_mib=mib,
        time_limit_sec=seconds,
    )


def test_memory_of_children_counts(tmp_path: Path) -> None:
    watched = watch(TWO, tmp_path)
    assert watched.outcome == scale_process.ENDED
    assert 200 <= watched.peak_mib < 300


def test_what_takes_too_much_is_ended_with_its_children(tmp_path: Path) -> None:
    code = TWO.replace("time.sleep(3)", f"time.sleep(600); open({str(tmp_path / 'late')!r}, 'w')")
    watched = watch(code, tmp_path, mib=150)
    assert watched.outcome == scale_process.OUT_OF_MEMORY
    assert watched.peak_mib > 150
    assert not any(str(tmp_path) in command for command in commands())


def commands() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found.append((entry / "cmdline").read_text())
            except OSError:
                continue
    return found


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    watched = watch("import time; time.sleep(600)", tmp_path, seconds=1)
    assert watched.outcome == scale_process.OUT_OF_TIME


def test_a_failure_is_told_and_its_words_are_kept(tmp_path: Path) -> None:
    watched = watch("raise SystemExit('no such thing')", tmp_path)
    assert watched.outcome == scale_process.FAILED
    assert "no such thing" in (tmp_path / "log").read_text()


def test_processor_time_is_that_of_all_processes(tmp_path: Path) -> None:
    busy = """
import subprocess, sys, time
def work():
    while time.process_time() < 1: pass
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"], check=True)
work()
time.sleep(1)
"""
    watched = watch(busy, tmp_path)
    assert 1.8 <= watched.cpu_seconds < 3
