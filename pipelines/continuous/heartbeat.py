"""A file that says that a loop is alive, when it looked last, and what it said.

It is for people, probes and whoever drives a simulated clock. Nothing is decided by it: what the
loop goes on from stands in ML Metadata.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path

FILE = "watch.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The last look of a loop.

    Attributes:
        tick: Looks since the process began.
        began_clock: When the look began, on the loop's clock, in seconds since 1970.
        ended_clock: When it ended, likewise.
        pid: Of the process.
        said: What it said in that look.
        went_well: Whether everything that was to be done could be.
    """

    tick: int
    began_clock: float
    ended_clock: float
    pid: int
    said: tuple[str, ...] = ()
    went_well: bool = True


def write(beat: Heartbeat, folder: Path) -> None:
    """Replaces the file of a folder, which is made when absent.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(beat), file, ensure_ascii=False)
        Path(name).replace(folder / FILE)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def read(folder: Path) -> Heartbeat | None:
    """Returns what the file of a folder says, or None where there is none."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Heartbeat(**{**found, "said": tuple(found["said"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
