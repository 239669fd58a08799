"""Has work done in a process of its own, and tells how that process ended.

An executor may crash, or be killed for the memory it takes. A process that has imported nothing but
this waits for it, and is there afterwards to say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable

GRACE_SEC = 10.0
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Death:
    """How a process ended that did not end by itself.

    Attributes:
        signal: The number of the signal that killed it.
        is_asked: Whether somebody asked this process to end.
    """

    signal: int
    is_asked: bool


def apart(work: Callable[[], int], grace_sec: float = GRACE_SEC) -> int | Death:
    """Does work in a forked process, and returns its exit code or how it died.

    Call it before anything that starts threads is imported. SIGTERM and SIGINT are handed on, and
    followed by SIGKILL after `grace_sec`. What the process has started ends with it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_a_child()
        sys.exit(work())
    asked = threading.Event()

    def end(*_: object) -> None:
        asked.set()
        _kill_group(pid, signal.SIGTERM)
        timer = threading.Timer(grace_sec, _kill_group, (pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    _, status = os.waitpid(pid, 0)
    _kill_group(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else Death(signal=-code, is_asked=asked.is_set())


def _be_a_child() -> None:
    # A group of its own, so that what it starts can be ended with it; and no survivor of its
    # parent, whose death nobody here would hear of.
    os.setpgid(0, 0)
    with contextlib.suppress(OSError):  # no glibc: then the container's end has to do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _kill_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
