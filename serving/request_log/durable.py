"""Making a file appear under its name only when it is complete, and survive a power failure.

What the file holds is for others.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

_LOG = logging.getLogger(__name__)


def publish(descriptor: int, temporary: Path, final: Path) -> None:
    """Gives a complete file its final name.

    The order matters: content first, then the name, then the folder that holds the name. A crash
    between any two of them leaves either the temporary name or a complete file.

    Args:
        descriptor: The open file that `temporary` names.
        temporary: Its name so far, in the folder of `final`.
        final: Its name from now on; a file of that name is replaced.

    Raises:
        OSError: The content could not be made durable, or the name not changed. The file then
            keeps its temporary name.
    """
    os.fsync(descriptor)
    temporary.rename(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Makes a folder's names durable, where its file system can; a failure is only logged.

    By then the file has its name and readers see it, so there is nothing left to take back.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        _LOG.warning("Cannot open %s to make its names durable: %s", folder, error)
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        _LOG.warning("Cannot make the names in %s durable: %s", folder, error)
    finally:
        os.close(descriptor)
