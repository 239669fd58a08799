"""Reads and writes the file that holds a plan; the file is whole at every moment.

What a plan may hold is left to `plan`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from serving.request_log import durable
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan

# Plans take a few kilobytes; a file this large is something else.
_MAX_BYTES = 1 << 20


def write(plan: Plan, path: Path) -> None:
    """Puts a plan in the place of whatever the file held.

    A reader sees the old plan or the new one, also after a crash or a power failure.

    Args:
        plan: What to write.
        path: Where; its folder is there.

    Raises:
        OSError: The folder takes no file, or the disk is full. The file is as it was.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # mkstemp's files are for their owner alone; a plan is read by the server's user too.
            os.fchmod(file.fileno(), 0o644)
            file.write(plan.to_json())
            file.flush()
            durable.publish(file.fileno(), temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> Plan | None:
    """Returns the plan in a file, or None if there is no file.

    Raises:
        RolloutError: The file cannot be read, or holds no plan; its name stands in the message.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RolloutError(f"{path}: cannot be read: {error}.") from error
    if len(text) > _MAX_BYTES:
        raise RolloutError(f"{path}: expected a plan of at most {_MAX_BYTES} bytes.")
    try:
        return Plan.from_json(text)
    except RolloutError as error:
        raise RolloutError(f"{path}: {error}") from error
