"""Files of a split: which there are, of which format, and how to open them.

Local ones are opened straight, others through TFX's file systems.
"""

from __future__ import annotations

import enum
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tfx.dsl.io import fileio

from components.arrow_example_gen.errors import InputError

BUFFER_BYTES = 1 << 20
_PARQUET_ENDINGS = (".parquet", ".pq")


class Format(enum.Enum):
    """What a file holds."""

    CSV = "CSV"
    PARQUET = "Parquet"


def format_of(path: str) -> Format:
    """Returns what a file holds, by its name; what is not Parquet is CSV."""
    return Format.PARQUET if path.lower().endswith(_PARQUET_ENDINGS) else Format.CSV


def common_format(paths: Sequence[str]) -> Format:
    """Returns what all files of a split hold.

    Raises:
        InputError: They are of both formats.
    """
    by_format = {format_of(path): path for path in paths}
    if len(by_format) > 1:
        raise InputError(
            "Expected the files of a split to be of one format, received "
            + " and ".join(f"{path} ({kind.value})" for kind, path in by_format.items())
            + ". Move one of them out of the folder, or narrow the pattern of the input split."
        )
    return next(iter(by_format))


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


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading."""
    if "://" in path:
        return io.BufferedReader(_Remote(fileio.open(path, "rb")), BUFFER_BYTES)
    return Path(path).open("rb", buffering=BUFFER_BYTES)


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
