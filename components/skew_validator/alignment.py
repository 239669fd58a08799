"""Brings two samples over the same bins, which is what distances are computed on.

Every choice made here (edges, which categories are kept apart) looks at both samples together and
never at which value came from which. That is what makes the permutation test of `calibration`
exact; edges taken from the training sample alone would not do.

    equal width   ten buckets from the smallest to the largest value, as TFDV's standard histogram
    quantile      ten buckets of about equal mass; a more frequent value makes a larger one
    grid          distinct values, at most 256 cells of about equal mass
    distinct      every distinct value
    presence      finite values, NaN, -inf, inf and missing rows
    whole         whole numbers, and those with a fraction

The first two get a bin for NaN and each infinity; `grid`, `distinct` and `whole` hold finite
numbers only.
Categories are one bin each. Beyond 2,048 of them the rarest, all but 1,024 or fewer, are shared out
to 1,024 bins by a hash of their name, so that none is left out and a change among them still shows.
Categories of equal frequency are treated alike: no order of names decides which is kept.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib

import numpy as np

from components.skew_validator.sample import CategoricalSample, NumericSample, Sample

BUCKETS = 10
GRID_CELLS = 256
MAX_CATEGORIES = 2048
HASHED_BINS = 1024


class Binning(enum.Enum):
    """Which bins a distance is computed on."""

    EQUAL_WIDTH = "equal width"
    QUANTILE = "quantile"
    GRID = "grid"
    DISTINCT = "distinct"
    PRESENCE = "presence"
    WHOLE = "whole"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """Two samples over the same bins.

    Attributes:
        training: Counts, shape `(bins,)`.
        serving: Counts, shape `(bins,)`.
        positions: Where on the axis a bin lies, ascending, shape `(bins,)`; None where bins have no
            order.
    """

    training: np.ndarray
    serving: np.ndarray
    positions: np.ndarray | None = None


def align(training: Sample, serving: Sample, binning: Binning) -> Aligned:
    """Counts two samples of one kind over bins of both.

    Raises:
        TypeError: The kinds differ, or categories shall be laid on a numeric axis.
    """
    if training.kind != serving.kind:
        raise TypeError(
            f"Expected two samples of one kind, received {training.kind} and {serving.kind}."
        )
    if binning is Binning.PRESENCE:
        return Aligned(training=training.presence, serving=serving.presence)
    if isinstance(training, NumericSample) and isinstance(serving, NumericSample):
        return _NUMERIC[binning](training, serving)
    assert isinstance(training, CategoricalSample)
    assert isinstance(serving, CategoricalSample)
    if binning in _AXES:
        raise TypeError(
            f"Expected numbers for bins of {binning.value} values, received categories."
        )
    return _categories(training, serving)


def _categories(training: CategoricalSample, serving: CategoricalSample) -> Aligned:
    sides = [
        {_bytes(name): count for name, count in sample.counts.items()}
        for sample in (training, serving)
    ]
    names = sorted(sides[0].keys() | sides[1].keys())
    pair = np.array([[side.get(name, 0) for name in names] for side in sides], np.int64)
    pair = pair.reshape(2, len(names))
    if len(names) > MAX_CATEGORIES:
        pair = _share_out(names, pair)
    return Aligned(training=pair[0], serving=pair[1])


def _share_out(names: list[bytes], pair: np.ndarray) -> np.ndarray:
    sizes = pair.sum(axis=0)
    largest_rare = np.sort(sizes)[::-1][MAX_CATEGORIES - HASHED_BINS]
    kept = np.flatnonzero(sizes > largest_rare)
    rare = np.flatnonzero(sizes <= largest_rare)
    bins = [_hash(names[index]) for index in rare]
    shared = [np.bincount(bins, row[rare], HASHED_BINS).astype(np.int64) for row in pair]
    return np.concatenate([pair[:, kept], shared], axis=1)


def _hash(name: bytes) -> int:
    # A checksum would follow the pattern of names that are numbered.
    digest = hashlib.blake2b(name, digest_size=8).digest()
    return int.from_bytes(digest, "big") % HASHED_BINS


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def _equal_width(training: NumericSample, serving: NumericSample) -> Aligned:
    ends = [part for one in (training, serving) for part in (one.values[:1], one.values[-1:])]
    both = np.concatenate(ends)
    if not both.size:
        return _with_special(training, serving, np.empty(0))
    low, high = both.min(), both.max()
    # Taken by halves, as high - low may be beyond the largest float64.
    shares = np.arange(1, BUCKETS) / BUCKETS
    return _with_special(training, serving, low * (1 - shares) + high * shares)


def _quantile(training: NumericSample, serving: NumericSample) -> Aligned:
    return _with_special(training, serving, _quantile_edges(_pool(training, serving), BUCKETS))


def _with_special(training: NumericSample, serving: NumericSample, inner: np.ndarray) -> Aligned:
    rows = [
        np.concatenate([_count(sample.values, inner), sample.special])
        for sample in (training, serving)
    ]
    return Aligned(training=rows[0], serving=rows[1])


def _grid(training: NumericSample, serving: NumericSample) -> Aligned:
    pool = _pool(training, serving)
    if np.unique(pool).size <= GRID_CELLS:
        return _distinct(training, serving)
    inner = _quantile_edges(pool, GRID_CELLS)
    counts = _count(pool, inner)
    filled = counts > 0
    starts = np.concatenate([[0], np.cumsum(counts[filled])[:-1]]).astype(np.int64)
    # A cell lies at the mean of what is in it.
    positions = np.add.reduceat(pool, starts) / counts[filled]
    return Aligned(
        training=_count(training.values, inner)[filled],
        serving=_count(serving.values, inner)[filled],
        positions=positions,
    )


def _distinct(training: NumericSample, serving: NumericSample) -> Aligned:
    positions = np.unique(np.concatenate([training.values, serving.values]))
    counts = [
        np.bincount(np.searchsorted(positions, sample.values), minlength=positions.size)
        for sample in (training, serving)
    ]
    return Aligned(training=counts[0], serving=counts[1], positions=positions)


def _whole(training: NumericSample, serving: NumericSample) -> Aligned:
    counts = []
    for sample in (training, serving):
        whole = int((sample.values == np.floor(sample.values)).sum())
        counts.append(np.array([whole, sample.values.size - whole], np.int64))
    return Aligned(training=counts[0], serving=counts[1])


def _pool(training: NumericSample, serving: NumericSample) -> np.ndarray:
    return np.sort(np.concatenate([training.values, serving.values]))


def _quantile_edges(pool: np.ndarray, cells: int) -> np.ndarray:
    if not pool.size:
        return np.empty(0)
    ranks = (np.arange(1, cells) * pool.size) // cells
    return np.unique(pool[ranks])


def _count(values: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Counts sorted values between inner edges; a value on an edge belongs to the bin above it."""
    ends = np.concatenate([[0], np.searchsorted(values, inner, side="left"), [values.size]])
    return np.diff(ends).astype(np.int64)


_AXES = (Binning.GRID, Binning.DISTINCT, Binning.WHOLE)
_NUMERIC = {
    Binning.EQUAL_WIDTH: _equal_width,
    Binning.QUANTILE: _quantile,
    Binning.GRID: _grid,
    Binning.DISTINCT: _distinct,
    Binning.WHOLE: _whole,
}
