"""One run of a pipeline at a time, on one machine.

An advisory lock on a file that also says who holds it. The kernel drops the lock when its holder
dies, so a killed run never blocks the next one. Runs of one pipeline on several machines are left
to whoever schedules them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.errors import BusyError

_POLL_INTERVAL_SEC = 0.5


@contextlib.contextmanager
def exclusive(
    path: Path,
    *,
    name: str,
    wait: bool,
    on_wait: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Holds the pipeline's lock.

    Args:
        path: The lock file; made when absent, never removed.
        name: The pipeline, for messages.
        wait: Whether to wait for another run to end instead of refusing.
        on_wait: Called once with a sentence that says who is waited for.
        sleep: Waits for a number of seconds.

    Raises:
        BusyError: Another run holds the lock and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _try_lock(file.fileno()):
            holder = _holder(path)
            if not wait:
                raise BusyError(
                    f"Pipeline {name} is already being run{holder}.",
                    remedy="Wait for it to end, or start again with --wait.",
                )
            on_wait(f"waiting for another run of {name}{holder}")
            while not _try_lock(file.fileno()):
                sleep(_POLL_INTERVAL_SEC)
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f" by process {holder['pid']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return ""  # the other run has the lock but has not yet written who it is
