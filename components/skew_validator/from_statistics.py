"""Reads the histograms of TFDV's statistics, aligned as TFDV's own comparators align them.

It gives the numbers that `skew_comparator` and `drift_comparator` of a schema are about, where only
statistics are at hand:

    jensen_shannon.measure(align_statistics(training, serving))

Numbers come as TFDV's standard histogram: ten buckets over each sample's own range. They are cut at
the edges of both, and values are taken to be spread evenly within a bucket. Strings come as the
rank histogram, which holds the 1,000 most frequent.

Where TFDV errs, this does not: NaN and the infinities are bins on both sides (TFDV counts them as
mismatch if the edges are equal, and loses NaN if they are not), and the infinity norm of numbers is
that of their buckets (TFDV gives 0).

The counts are no input for `calibration`: spreading values within buckets makes small samples look
smoother than any split of the pool. A threshold that knows the sizes needs samples.

Source: TFDV, anomalies/metrics.cc, `AlignHistograms` and `JensenShannonDivergence`.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.skew_validator.alignment import Aligned
from components.skew_validator.verdict import NotCompared, Reason


def align_statistics(
    training: statistics_pb2.FeatureNameStatistics,
    serving: statistics_pb2.FeatureNameStatistics,
) -> Aligned | NotCompared:
    """Returns the counts of two histograms over the same bins.

    Args:
        training: Statistics of a feature.
        serving: Those of the same feature elsewhere.

    Returns:
        Counts that need not be whole numbers; or why there are none: the kinds differ, or a side
        has no histogram or an empty one.
    """
    ranks = _ranks(training), _ranks(serving)
    if all(ranks):
        return _align_ranks(*ranks)
    histograms = _Buckets.read(training), _Buckets.read(serving)
    if any(ranks) and any(histogram.total for histogram in histograms):
        return NotCompared(
            Reason.KINDS_DIFFER, "expected numbers or strings on both sides, received one of each."
        )
    for side, histogram in zip(("training", "serving"), histograms, strict=True):
        if not histogram.total:
            return NotCompared(
                Reason.NO_VALUES, f"expected a histogram with values on the {side} side."
            )
    return _align_buckets(*histograms)


def _ranks(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, float]:
    buckets = feature.string_stats.rank_histogram.buckets
    return {bucket.label: bucket.sample_count for bucket in buckets}


def _align_ranks(training: dict[str, float], serving: dict[str, float]) -> Aligned:
    names = sorted(training.keys() | serving.keys())
    return Aligned(
        training=np.array([training.get(name, 0.0) for name in names]),
        serving=np.array([serving.get(name, 0.0) for name in names]),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Buckets:
    """A histogram, taken apart.

    Attributes:
        wide: Buckets of some width: low, high, count; shape `(buckets, 3)`.
        points: Counts of buckets without width, by value.
        special: Counts of NaN and of buckets that begin or end at infinity, shape `(3,)`.
    """

    wide: np.ndarray
    points: dict[float, float]
    special: np.ndarray

    @classmethod
    def read(cls, feature: statistics_pb2.FeatureNameStatistics) -> _Buckets:
        standard = statistics_pb2.Histogram.STANDARD
        histograms = [one for one in feature.num_stats.histograms if one.type == standard]
        # An empty one, where there is none.
        histogram = histograms[0] if histograms else statistics_pb2.Histogram()
        wide: list[tuple[float, float, float]] = []
        points: Counter[float] = Counter()
        special = np.array([float(histogram.num_nan), 0.0, 0.0])
        for bucket in histogram.buckets:
            low, high, count = bucket.low_value, bucket.high_value, bucket.sample_count
            if not (math.isfinite(low) and math.isfinite(high)):
                special[1 if math.isinf(low) and low < 0 else 2] += count
            elif low == high:
                points[low] += count
            else:
                wide.append((low, high, count))
        return cls(wide=np.array(wide).reshape(-1, 3), points=dict(points), special=special)

    @property
    def total(self) -> float:
        return float(self.wide[:, 2].sum() + sum(self.points.values()) + self.special.sum())

    def over(self, edges: np.ndarray, points: list[float]) -> np.ndarray:
        """Returns counts between edges, at points, and of special values."""
        low, high, count = (column[:, None] for column in self.wide.T)
        overlap = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
        spread = np.maximum(overlap, 0.0) / (high - low) * count
        at_points = [self.points.get(point, 0.0) for point in points]
        return np.concatenate([spread.sum(axis=0), at_points, self.special])


def _align_buckets(training: _Buckets, serving: _Buckets) -> Aligned:
    edges = np.unique(np.concatenate([one.wide[:, :2].ravel() for one in (training, serving)]))
    points = sorted(training.points.keys() | serving.points.keys())
    return Aligned(training=training.over(edges, points), serving=serving.over(edges, points))
