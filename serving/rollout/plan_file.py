"""Reads and writes the file that holds a plan; the file is whole at every moment.

What a plan may hold is left to `plan`.
"""

from __future__ import annotations

from pathlib import Path

from serving.rollout import whole_file
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan


def write(plan: Plan, path: Path) -> None:
    """Puts a plan in the place of whatever the file held.

    A reader sees the old plan or the new one, also after a crash or a power failure.

    Args:
        plan: What to write.
        path: Where; its folder is there.

    Raises:
        OSError: The folder takes no file, or the disk is full. The file is as it was.
    """
    whole_file.write(plan.to_json(), path)


def read(path: Path) -> Plan | None:
    """Returns the plan in a file, or None if there is no file.

    Raises:
        RolloutError: The file cannot be read, or holds no plan; its name stands in the message.
    """
    try:
        return whole_file.read(path, "a plan", Plan.from_json)
    except OSError as error:
        raise RolloutError(f"{path}: cannot be read: {error}.") from error
