"""Files of the input: which there are, of which spans, and how to open them.

Of which format they are is for `formats`, what a pattern means for `patterns`. Local files are
opened straight, others through TFX's file systems.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tfx.dsl.io import fileio

from components.arrow_example_gen import patterns, spans
from components.arrow_example_gen.errors import InputError

BUFFER_BYTES = 1 << 20


def matching(base: str, pattern: str) -> list[str]:
    """Returns the files of an input split, which are those that CsvExampleGen finds, by name.

    Raises:
        InputError: There are none.
    """
    whole = os.path.join(base, pattern)  # noqa: PTH118 (a URI)
    paths = sorted(fileio.glob(whole))
    if not paths:
        raise InputError(f"No file matches {whole}. Expected CSV or Parquet files there.")
    return paths


def spans_of(
    base: str, split_patterns: Sequence[str], wanted: spans.Wanted
) -> tuple[patterns.Span, ...]:
    """Returns the spans to read, oldest first; none where the patterns tell no spans apart.

    Args:
        base: The input base.
        split_patterns: One for each input split.
        wanted: Which spans.

    Raises:
        InputError: There are no such spans, or the input splits differ.
    """
    if not any(patterns.has_spans(pattern) for pattern in split_patterns):
        return ()
    root = os.path.join(base, "")  # noqa: PTH118 (a URI)
    found = [
        patterns.find(
            pattern,
            (path.removeprefix(root) for path in fileio.glob(root + patterns.wildcard(pattern))),
        )
        for pattern in split_patterns
    ]
    try:
        return spans.select(found, wanted)
    except InputError as error:
        raise InputError(f"{root}{' and '.join(split_patterns)}: {error}") from error


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading."""
    if "://" in path:
        return io.BufferedReader(_Remote(fileio.open(path, "rb")), BUFFER_BYTES)
    return Path(path).open("rb", buffering=BUFFER_BYTES)


def size_and_time(path: str) -> tuple[int, int]:
    """Returns a file's size in bytes and when it last changed, in ns; remote ones by seconds."""
    if "://" in path:
        found = fileio.stat(path)
        return int(found.length), int(found.mtime_nsec)
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


class _Remote(io.RawIOBase):
    """Gives TensorFlow's files what Arrow asks of a file."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()
