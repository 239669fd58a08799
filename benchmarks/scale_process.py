"""Runs a command and watches all of its processes: memory, processor time, and how it ended.

Memory is looked at every fifth of a second: what all processes hold of their own or share by fork,
a shared page counted once (PSS without files), and the mapped files, mostly libraries, of the
process that has most of them. The PSS of files would depend on what else runs on the machine. A
command that takes more than it may is killed, with all that it has started, before the machine runs
out of memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

POLL_INTERVAL_SEC = 0.2
ENDED, FAILED, OUT_OF_MEMORY, OUT_OF_TIME = "ended", "failed", "out of memory", "out of time"

_PROC = Path("/proc")
_TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat behind the command's name, from 0.
_PARENT, _SESSION, _USER_TICKS, _SYSTEM_TICKS = 1, 3, 11, 12


class Watched(NamedTuple):
    """What was seen of a command.

    Attributes:
        outcome: One of the four above.
        seconds: Until it ended or was killed.
        cpu_seconds: Of all of its processes, user and system.
        peak_mib: Largest memory of all of its processes together.
    """

    outcome: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def watch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    memory_limit_mib: float,
    time_limit_sec: float,
) -> Watched:
    """Runs a command to its end.

    Args:
        command: Program and arguments.
        environment: All of its environment variables.
        folder: Where it is started.
        log: What it prints goes there.
        memory_limit_mib: With more it is killed.
        time_limit_sec: After that it is killed.
    """
    started = time.monotonic()
    cpu_seconds: dict[int, float] = {}
    peak_mib, outcome = 0.0, ""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while process.poll() is None and not outcome:
                pids = _tree(process.pid)
                cpu_seconds.update(_cpu_seconds(pids))
                now_mib = _memory_mib(pids)
                peak_mib = max(peak_mib, now_mib)
                if now_mib > memory_limit_mib:
                    outcome = OUT_OF_MEMORY
                elif time.monotonic() - started > time_limit_sec:
                    outcome = OUT_OF_TIME
                time.sleep(POLL_INTERVAL_SEC)
        finally:
            _kill(process)
    seconds = time.monotonic() - started
    if not outcome:
        outcome = FAILED if process.returncode else ENDED
    return Watched(outcome, seconds, sum(cpu_seconds.values()), peak_mib)


def _kill(process: subprocess.Popen[bytes]) -> None:
    for pid in _tree(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _tree(root: int) -> set[int]:
    """Returns a process, its descendants, and what has left the tree but not the session."""
    stats = dict(_stats())
    found = {pid for pid, fields in stats.items() if int(fields[_SESSION]) == root}
    found |= {root} & stats.keys()
    while True:
        more = {pid for pid, fields in stats.items() if int(fields[_PARENT]) in found} - found
        if not more:
            return found
        found |= more


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                # A command's name may have spaces and brackets.
                yield (
                    int(entry.name),
                    (entry / "stat").read_text(errors="replace").rpartition(")")[2].split(),
                )


def _cpu_seconds(pids: set[int]) -> dict[int, float]:
    ticks = {
        pid: int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
        for pid, fields in _stats()
        if pid in pids
    }
    return {pid: count / _TICKS_PER_SEC for pid, count in ticks.items()}


def _memory_mib(pids: set[int]) -> float:
    own, files = 0, 0
    for pid in pids:
        with contextlib.suppress(OSError):
            shares = _kib_by_name(_PROC / str(pid) / "smaps_rollup")
            own += shares.get("Pss_Anon", 0) + shares.get("Pss_Shmem", 0)
            files = max(files, _kib_by_name(_PROC / str(pid) / "status").get("RssFile", 0))
    return (own + files) / 1024


def _kib_by_name(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text(errors="replace").splitlines())
    return {words[0][:-1]: int(words[1]) for words in lines if words[2:] == ["kB"]}
