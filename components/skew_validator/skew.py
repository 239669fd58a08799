"""Compares what was served with what was trained on, feature by feature. A pure function.

Which values belong to which side, and where they come from, is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from components.skew_validator.alignment import Aligned, Binning, align
from components.skew_validator.calibration import calibrate, per_test
from components.skew_validator.distances.registry import Distance
from components.skew_validator.power import detectable_shift
from components.skew_validator.sample import Sample
from components.skew_validator.terms import Terms
from components.skew_validator.verdict import (
    Comparison,
    FeatureVerdict,
    NotCompared,
    Reason,
    Status,
    Verdict,
    judge,
    rank,
)

Samples = Mapping[str, Sample]

_OFTEN_CONSTANT = (Binning.PRESENCE, Binning.WHOLE)


def check(
    training: Samples | None,
    serving: Samples,
    *,
    terms: Terms,
    rng: np.random.Generator,
    features: Sequence[str] | None = None,
    thresholds: bool = True,
) -> Verdict:
    """Compares samples of features.

    Args:
        training: What was trained on, by feature; None where there is no baseline.
        serving: What was served, by feature.
        terms: Which distances, how often it may err, what it must not miss.
        rng: Where random numbers come from; made by `numpy.random.default_rng`.
        features: Names of those to compare; by default all of either side.
        thresholds: Whether to tell the threshold also of what does not alarm. It changes no
            verdict, and most of the time goes into it.

    Returns:
        The verdict. What is wrong with the data is never raised.
    """
    baseline = training or {}
    names = sorted(baseline.keys() | serving.keys() if features is None else set(features))
    alpha = per_test(terms.false_alarm_rate, _count_tests(names, baseline, serving, terms))
    whole = _refuse_whole(names, training, serving)
    if whole:
        lacking = (
            FeatureVerdict(feature=name, not_compared=whole, optional=name in terms.optional)
            for name in names
        )
        return Verdict(features=rank(lacking), not_compared=whole, alpha=alpha)
    # A generator each, so that one feature's numbers don't depend on how many another one drew.
    judged = (
        _Feature(name, terms, alpha, child, thresholds).compare(
            baseline.get(name), serving.get(name)
        )
        for name, child in zip(names, rng.spawn(len(names)), strict=True)
    )
    return Verdict(features=rank(judged), alpha=alpha)


def _refuse_whole(
    names: Sequence[str], training: Samples | None, serving: Samples
) -> NotCompared | None:
    if training is None:
        return NotCompared(
            Reason.NO_BASELINE, "expected a training sample to compare with, received none."
        )
    if not names:
        return NotCompared(Reason.NO_ROWS, "expected at least one feature, received none.")
    for side, samples in (("training", training), ("serving", serving)):
        if not any(sample.rows for sample in samples.values()):
            return NotCompared(
                Reason.NO_ROWS, f"expected at least one row in the {side} sample, received none."
            )
    return None


def _count_tests(names: Sequence[str], training: Samples, serving: Samples, terms: Terms) -> int:
    return sum(
        _may_alarm(distance, training[name], serving[name])
        for name in names
        if name in training and name in serving and training[name].kind == serving[name].kind
        for distance in terms.distances_for(training[name].kind)
    )


def _may_alarm(distance: Distance, training: Sample, serving: Sample) -> bool:
    # A test that cannot alarm needs no share of the rate (Tarone 1990, Biometrics 46(2)). Most
    # features lack no value and are all whole or all not. It is the pool that says so, as
    # everywhere.
    if distance.binning not in _OFTEN_CONSTANT:
        return True
    aligned = align(training, serving, distance.binning)
    return int(np.count_nonzero(aligned.training + aligned.serving)) > 1


class _Feature:
    def __init__(
        self, name: str, terms: Terms, alpha: float, rng: np.random.Generator, thresholds: bool
    ) -> None:
        self._name = name
        self._terms = terms
        self._alpha = alpha
        self._rng = rng
        self._thresholds = thresholds

    def compare(self, training: Sample | None, serving: Sample | None) -> FeatureVerdict:
        optional = self._name in self._terms.optional
        if training is None or serving is None or training.kind != serving.kind:
            reason = _refuse(training, serving)
            return FeatureVerdict(feature=self._name, not_compared=reason, optional=optional)
        distances = self._terms.distances_for(training.kind)
        # Some distances share their bins, and counting takes longest of all with many rows.
        aligned = {
            binning: align(training, serving, binning)
            for binning in dict.fromkeys(distance.binning for distance in distances)
        }
        comparisons = tuple(
            self._measure(distance, aligned[distance.binning]) for distance in distances
        )
        return FeatureVerdict(feature=self._name, comparisons=comparisons, optional=optional)

    def _measure(self, distance: Distance, aligned: Aligned) -> Comparison:
        n, m = int(aligned.training.sum()), int(aligned.serving.sum())
        if not (n and m):
            return Comparison(
                distance=distance.name,
                status=Status.NOT_COMPARED,
                training=n,
                serving=m,
                not_compared=NotCompared(
                    Reason.NO_VALUES,
                    f"{distance.name}: expected values on both sides, received {n} of training "
                    f"and {m} of serving.",
                ),
            )
        found = calibrate(distance, aligned, self._alpha, self._rng, thresholds=self._thresholds)
        floor = self._terms.floors.get(distance.name, 0.0)
        status, reason = judge(
            found,
            floor=floor,
            smallest_shift=detectable_shift(n, m, self._alpha, self._terms.power),
            asked_shift=self._terms.detectable_shift,
        )
        return Comparison(
            distance=distance.name,
            status=status,
            training=n,
            serving=m,
            calibration=found,
            floor=floor,
            not_compared=reason,
        )


def _refuse(training: Sample | None, serving: Sample | None) -> NotCompared:
    if training is None:
        return NotCompared(
            Reason.ABSENT_IN_TRAINING, "expected the feature on both sides, training lacks it."
        )
    if serving is None:
        return NotCompared(
            Reason.ABSENT_IN_SERVING, "expected the feature on both sides, serving lacks it."
        )
    return NotCompared(
        Reason.KINDS_DIFFER,
        f"expected one kind on both sides, received {training.kind} of training and "
        f"{serving.kind} of serving.",
    )
