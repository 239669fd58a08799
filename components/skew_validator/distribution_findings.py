"""What follows from distributions that were compared: a finding of each feature. Pure.

Their kind is "distribution" or "drift", by what they were compared with; that of the predictions is
"prediction". What is compared, and as what, is for `validation`; whether it differs, for `skew`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from components.prediction_log_example_gen import keys as log
from components.skew_validator import distances, keys, pictures, sentences, sightings
from components.skew_validator.alignment import align
from components.skew_validator.calibration import calibrate
from components.skew_validator.findings import LONGER, Finding, Measure, not_compared
from components.skew_validator.question import Data, Question
from components.skew_validator.sample import Sample
from components.skew_validator.samples import Feature, sample_of
from components.skew_validator.served import of_version
from components.skew_validator.verdict import Comparison, FeatureVerdict, Status, Verdict

_CHANGED = (
    "See whether the change is real: if so, retrain on newer data; if not, mend how the feature is "
    "computed for serving."
)
_PREDICTIONS = (
    "Look at the features that changed, and at whether the model that serves is the one that is "
    "compared with."
)


class DistributionFindings:
    """Findings of distributions.

    Args:
        data: What was compared.
        question: How it was compared.
        features: Those that were compared, by name; predictions need not be among them.
    """

    def __init__(self, data: Data, question: Question, features: Mapping[str, Feature]) -> None:
        self._data = data
        self._question = question
        self._features = features

    def of(
        self, verdict: Verdict, training: Mapping[str, Sample], serving: Mapping[str, Sample]
    ) -> list[Finding]:
        """Returns a finding of each feature, or one of why there are none.

        Args:
            verdict: On the samples.
            training: The baseline's samples, by feature.
            serving: What was served, by feature.
        """
        if verdict.not_compared:
            detail = verdict.not_compared.detail
            return [not_compared(self._kind(""), "", detail)]
        return [self._of_feature(one, verdict.alpha, training, serving) for one in verdict.features]

    def _of_feature(
        self,
        verdict: FeatureVerdict,
        alpha: float,
        training: Mapping[str, Sample],
        serving: Mapping[str, Sample],
    ) -> Finding:
        name = verdict.feature
        both = (training[name], serving[name]) if name in training and name in serving else None
        reason, remedy, first_seen = "", "", ""
        if verdict.status is Status.ALARM and both:
            reason = sentences.change(verdict, *both)
            remedy = _PREDICTIONS if name == log.PREDICTION else _CHANGED
            first_seen = self._first_seen(verdict, alpha, both[0])
        elif verdict.status is Status.NOT_COMPARED:
            reason = " ".join(dict.fromkeys(one.detail for one in verdict.reasons))
            remedy = LONGER
        else:
            reason = sentences.unchanged(verdict)
        return Finding(
            kind=self._kind(name),
            feature=name,
            status=verdict.status.value,
            severity=verdict.severity,
            reason=reason,
            remedy=remedy,
            measures=tuple(_measure(one) for one in verdict.comparisons),
            histogram=pictures.draw(*both) if both else None,
            first_seen=first_seen,
            optional=verdict.optional,
        )

    def _first_seen(self, verdict: FeatureVerdict, alpha: float, training: Sample) -> str:
        rows = self._data.serving
        alarms = [one for one in verdict.comparisons if one.status is Status.ALARM]
        worst = max(alarms, key=lambda one: one.severity)
        distance = distances.get(worst.distance)
        whose = self._question.model_version if verdict.feature == log.PREDICTION else ""
        considered = of_version(rows, whose)
        feature = self._features.get(verdict.feature) or Feature(
            name=verdict.feature, categorical=training.kind == "categorical", required=True
        )

        def differs(which: np.ndarray) -> bool:
            part = sample_of(rows, feature, which & considered)
            if part.kind != training.kind:
                return False
            aligned = align(training, part, distance.binning)
            if not aligned.serving.sum():
                return False
            rng = np.random.default_rng([self._question.seed, 1])
            found = calibrate(distance, aligned, alpha, rng, thresholds=False)
            return found.significant and found.value > worst.floor

        return sightings.first_change(rows, differs)

    def _kind(self, name: str) -> str:
        if name == log.PREDICTION:
            return "prediction"
        return "distribution" if self._question.against == keys.TRAINING else "drift"


def _measure(comparison: Comparison) -> Measure:
    found = comparison.calibration
    known = found is not None and not math.isnan(found.threshold)
    return Measure(
        distance=comparison.distance,
        value=found.value if found else 0.0,
        threshold=found.threshold if found and known else None,
        p_value=found.p_value if found else None,
        floor=comparison.floor,
        training=comparison.training,
        serving=comparison.serving,
        status=comparison.status.value,
    )
