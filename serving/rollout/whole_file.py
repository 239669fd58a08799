"""Small files that are whole at every moment: a reader sees the old one or the new one.

What they hold is left to `order`, `plan_file` and `report`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from serving.request_log import durable
from serving.rollout.errors import RolloutError

# They take a few kilobytes; a file this large is something else.
MAX_BYTES = 1 << 20

_Held = TypeVar("_Held")


def write(text: str, path: Path, *, synced: bool = True) -> None:
    """Puts a file in the place of the one before.

    Args:
        text: What it holds.
        path: Where; its folder is there.
        synced: Whether to wait for the disk, so that it survives a power failure.

    Raises:
        OSError: The folder takes no file, or the disk is full. The file before is as it was.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # mkstemp's files are for their owner alone; servers and whoever decides for them may
            # be different users.
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            if synced:
                durable.publish(file.fileno(), temporary, path)
            else:
                temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path, what: str, parse: Callable[[bytes], _Held]) -> _Held | None:
    """Returns what a file holds, or None if there is no file.

    Args:
        path: Of the file.
        what: It should hold, for messages.
        parse: Makes that of the file's bytes.

    Raises:
        RolloutError: It holds something else; its name stands in the message.
        OSError: It is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(text) > MAX_BYTES:
        raise RolloutError(f"{path}: expected {what} of at most {MAX_BYTES} bytes.")
    try:
        return parse(text)
    except RolloutError as error:
        raise RolloutError(f"{path}: {error}") from error
