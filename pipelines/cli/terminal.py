"""Keeps the terminal for what is meant for the user.

TensorFlow, Beam and ML Metadata log from Python and C++ to the process's output. While a run goes
on, all of that is sent to a file, and only what is written to the returned stream reaches the
terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def captured_output(log_path: Path) -> Iterator[TextIO]:
    """Sends the process's output to a file; yields a stream to where stdout went before."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    terminal = os.fdopen(os.dup(1), "w", encoding="utf-8")
    descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield terminal
    finally:
        # Before the descriptors are put back, what is buffered still belongs to the file.
        sys.stdout.flush()
        sys.stderr.flush()
        for target, descriptor in zip((1, 2), saved, strict=True):
            os.dup2(descriptor, target)
            os.close(descriptor)
        terminal.close()
