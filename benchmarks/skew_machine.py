"""What figures about skew depend on: the date, the machine, and the packages that are compared."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from typing import Final

_PACKAGES: Final = ("numpy", "scipy", "pyarrow", "tensorflow-data-validation", "evidently")


def about() -> dict[str, str]:
    """Returns date, cores, system, load and versions, by name."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": platform.platform(),
        "load": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "Python": platform.python_version(),
        **{name: metadata.version(name) for name in _PACKAGES},
    }


def line() -> str:
    """Returns the same in one line."""
    return ", ".join(f"{name} {value}" for name, value in about().items())
