"""How much better than the version that serves older ones are, on the same rows. Pure functions.

All gains are asked about together, and the best of many is good by chance. So each interval is made
with confidence 1 - error_rate / versions: then all of them hold at once with confidence
1 - error_rate, however the versions depend on one another.

Which gain is enough is for `serving.rollout.reuse`.

References:
    DeLong, DeLong and Clarke-Pearson 1988, for the interval of a difference of correlated areas;
    see `components.roc.delong`.
    O. J. Dunn, "Multiple comparisons among means", Journal of the American Statistical Association
    56(293), 1961, pages 52-64, for Bonferroni's inequality applied to intervals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from components import roc


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """An older version beside the one that serves.

    Attributes:
        version: Which.
        auc: Its area under the ROC curve, in [0, 1].
        gain: Its area minus that of the version that serves.
        gain_low: The lowest gain that the rows allow.
        gain_high: The highest.
    """

    version: int
    auc: float
    gain: float
    gain_low: float
    gain_high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """All versions on the same rows.

    Attributes:
        serving_auc: Area of the version that serves.
        confidence: Of each single interval.
        older: The others, the oldest first.
    """

    serving_auc: float
    confidence: float
    older: tuple[Compared, ...]


def compare(
    labels: np.ndarray, scores: Mapping[int, np.ndarray], *, serving: int, error_rate: float
) -> Comparison:
    """Compares older versions with the one that serves.

    Args:
        labels: 0 or 1, shape `(rows,)`.
        scores: What each version predicts, shape `(rows,)`, by version.
        serving: The version that serves; among `scores`.
        error_rate: Chance that any of the intervals does not hold, in (0, 1).

    Raises:
        ValueError: There are fewer than two rows of either class, a score is not a number, or the
            shapes differ.
    """
    older = sorted(version for version in scores if version != serving)
    confidence = 1 - error_rate / max(1, len(older))
    areas, covariance = roc.areas(labels, [scores[version] for version in (serving, *older)])
    found = []
    for place, version in enumerate(older, start=1):
        pair = [place, 0]
        gain = roc.gain(areas[pair], covariance[np.ix_(pair, pair)], confidence=confidence)
        found.append(
            Compared(
                version=version,
                auc=float(areas[place]),
                gain=gain.gain,
                gain_low=gain.low,
                gain_high=gain.high,
            )
        )
    return Comparison(serving_auc=float(areas[0]), confidence=confidence, older=tuple(found))
