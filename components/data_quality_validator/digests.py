"""Eight bytes that stand for the values of a row, to find equal ones among many.

Texts are hashed with BLAKE2b, once for each that is distinct in a batch; numbers are mixed as they
are; and the columns of a row are mixed one after another. Two of n different rows get the same
digest with a chance of about n² / 2⁶⁵: 3e-9 for 336,776 rows, 3e-4 for a hundred million.

Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (the mixing
function, of the variant that SplitMix64 uses).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from components.data_quality_validator.columns import Column

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def of_texts(texts: Sequence[bytes]) -> np.ndarray:
    """Returns a digest of each text, uint64."""
    joined = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64)


def of_columns(columns: Sequence[Column]) -> tuple[np.ndarray, np.ndarray]:
    """Returns a digest of each row's values, and whether none of them is missing.

    Args:
        columns: One at least, of equal length. Their order matters.

    Returns:
        uint64 and bool, shapes `(rows,)`; the digest of a row with a missing value means nothing.
    """
    rows = len(columns[0].known)
    mixed = np.full(rows, _GOLDEN)
    known = np.ones(rows, bool)
    for column in columns:
        mixed = _mix(mixed ^ _of_values(column))
        known &= column.known
    return mixed, known


def _of_values(column: Column) -> np.ndarray:
    if len(column.texts):
        coded = column.texts.fill_null(b"").dictionary_encode()
        distinct = of_texts(coded.dictionary.to_pylist())
        return distinct[coded.indices.to_numpy(zero_copy_only=False)]
    # Adding 0 makes of -0.0 the 0.0 that it equals.
    return (column.numbers + 0).view(np.uint64)


def _mix(numbers: np.ndarray) -> np.ndarray:
    numbers = numbers + _GOLDEN
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND
    return numbers ^ (numbers >> np.uint64(31))
