"""Of which format files are, told by their names alone."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from components.arrow_example_gen.errors import InputError

_PARQUET_ENDINGS = (".parquet", ".pq")


class Format(enum.Enum):
    """What a file holds."""

    CSV = "CSV"
    PARQUET = "Parquet"


def format_of(path: str) -> Format:
    """Returns what a file holds; what is not Parquet is CSV."""
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
