"""The time that servers, loops and replays agree on: the system's, or what a file says.

    RINGWAY_CLOCK=/run/clock ringway serve flights

A simulated clock is a file that holds seconds since 1970 as text. Whoever drives the simulation
replaces it as a whole (`set_to`); every process that was given the file reads the same time.
Intervals that processes themselves need (timeouts, polling) stay on the machine's own clock.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "RINGWAY_CLOCK"

Clock = Callable[[], float]


def from_environment(environment: Mapping[str, str]) -> Clock:
    """Returns the clock that the environment names: a file's, or the system's where it names none.

    Raises:
        ValueError: The file holds no time.
        OSError: It cannot be read.
    """
    name = environment.get(VARIABLE)
    if not name:
        return time.time
    clock = of_file(Path(name))
    clock()  # what is wrong with it shows now
    return clock


def of_file(path: Path) -> Clock:
    """Returns a clock that reads a file each time it is asked.

    The clock raises ValueError where the file holds no number, and OSError where it cannot be read.
    """

    def read() -> float:
        text = path.read_text(encoding="ascii")
        try:
            return float(text)
        except ValueError:
            raise ValueError(
                f"{path}: expected seconds since 1970, received {text[:40]!r}"
            ) from None

    return read


def set_to(path: Path, seconds: float) -> None:
    """Makes a file say another time; a reader sees the old one or the new one.

    Raises:
        OSError: The folder takes no file.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(repr(float(seconds)))
    Path(name).replace(path)
