"""Draws two samples over the same bins, for people to look at. Nothing is decided by it.

Numbers with few distinct values get a bin each; others twenty bins of equal width between the
hundredth parts at both ends, and one bin for what lies beyond each. Of categories the most frequent
are shown, the others together. Missing rows, NaN and infinities come last, where there are any.
"""

from __future__ import annotations

import itertools

import numpy as np

from components.skew_validator.findings import Histogram
from components.skew_validator.sample import CategoricalSample, NumericSample, Sample

MAX_DISTINCT = 24
BINS = 20
MAX_CATEGORIES = 15
_SPECIAL = ("NaN", "-inf", "inf")


def draw(training: Sample, serving: Sample) -> Histogram | None:
    """Returns the histograms of two samples; None where they are of two kinds or have no rows."""
    if not (training.rows and serving.rows):
        return None
    if isinstance(training, NumericSample) and isinstance(serving, NumericSample):
        labels, counts = _numbers(training, serving)
        labels += _SPECIAL
        special = np.stack([training.special, serving.special])
        counts = np.concatenate([counts, special], axis=1)
    elif isinstance(training, CategoricalSample) and isinstance(serving, CategoricalSample):
        labels, counts = _categories(training, serving)
    else:
        return None
    labels += ("missing",)
    missing = np.array([[training.missing], [serving.missing]])
    counts = np.concatenate([counts, missing], axis=1)
    # Bins between numbers are shown even if empty; of the others those that hold something.
    plain = len(labels) - (4 if isinstance(training, NumericSample) else 1)
    shown = (np.arange(len(labels)) < plain) | (counts.sum(axis=0) > 0)
    shares = counts[:, shown] / counts.sum(axis=1, keepdims=True)
    return Histogram(
        labels=tuple(label for label, keep in zip(labels, shown, strict=True) if keep),
        training=tuple(shares[0].tolist()),
        serving=tuple(shares[1].tolist()),
    )


def _numbers(training: NumericSample, serving: NumericSample) -> tuple[tuple[str, ...], np.ndarray]:
    sides = training.values, serving.values
    pool = np.unique(np.concatenate([np.unique(side) for side in sides]))
    if pool.size <= MAX_DISTINCT:
        counts = [np.bincount(np.searchsorted(pool, side), minlength=pool.size) for side in sides]
        return tuple(f"{value:g}" for value in pool), np.stack(counts)
    # Half of the weight to either side, however many rows it has.
    ends = [np.quantile(side, [0.01, 0.99]) for side in sides if side.size]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if not low < high:
        low, high = pool[0], pool[-1]
    edges = np.linspace(low, high, BINS + 1)
    # What lies on the last edge belongs to the last bin.
    inner = np.concatenate([edges[:-1], [np.nextafter(edges[-1], np.inf)]])
    counts = [_between(side, inner) for side in sides]
    labels = [f"< {_short(edges[0])}"]
    labels += [f"{_short(a)} to {_short(b)}" for a, b in itertools.pairwise(edges)]
    labels += [f"> {_short(edges[-1])}"]
    return tuple(labels), np.stack(counts)


def _between(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    ends = np.concatenate([[0], np.searchsorted(values, edges, side="left"), [values.size]])
    return np.diff(ends)


def _short(number: float) -> str:
    return f"{number:.4g}"


def _categories(
    training: CategoricalSample, serving: CategoricalSample
) -> tuple[tuple[str, ...], np.ndarray]:
    sides = [
        {_bytes(name): count for name, count in sample.counts.items()}
        for sample in (training, serving)
    ]
    totals = [max(sum(side.values()), 1) for side in sides]
    shares = {
        name: sum(side.get(name, 0) / total for side, total in zip(sides, totals, strict=True))
        for name in sides[0].keys() | sides[1].keys()
    }
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    shown = ranked[:MAX_CATEGORIES]
    counts = [[side.get(name, 0) for name in shown] for side in sides]
    labels = [name.decode("utf-8", "backslashreplace") for name in shown]
    if others := ranked[MAX_CATEGORIES:]:
        labels.append(f"({len(others):,} others)")
        for side, row in zip(sides, counts, strict=True):
            row.append(sum(side.get(name, 0) for name in others))
    return tuple(labels), np.array(counts, np.int64).reshape(2, len(labels))


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name
