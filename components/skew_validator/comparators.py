"""The schema's own comparators, which hold a distance to a fixed threshold.

`skew_comparator` compares with training, `drift_comparator` with what came before. TFDV is asked,
and its numbers are taken, save where it errs:

- The infinity norm of numbers, which is 0 to TFDV, is that of their histograms' buckets.
- NaN and the infinities are values like others, where TFDV loses or mismatches them.
- Of texts with more than 1,000 distinct values, TFDV sees the 1,000 most frequent on each side;
  samples hold all.

A fixed threshold knows nothing of how many rows there are: chance alone takes a small sample above
it. So it alarms only where the calibrated comparison of the same feature, too, says that something
changed. This adds no test, and hence no false alarm to the rate that was asked for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import (
    DatasetFeatureStatisticsList as Statistics,
)
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics

from components.skew_validator import distances, keys
from components.skew_validator.alignment import Aligned
from components.skew_validator.findings import ALARM, NOT_COMPARED, OK, Finding, Measure
from components.skew_validator.from_statistics import align_statistics
from components.skew_validator.sample import CategoricalSample, Sample
from components.skew_validator.schema_skew import name_of, with_values
from components.skew_validator.verdict import FeatureVerdict, NotCompared, Status

Pair = tuple[Sample, Sample]

TFDV_STRINGS = 1000

_Measurement = anomalies_pb2.DriftSkewInfo.Measurement
_Info = anomalies_pb2.AnomalyInfo
_DISTANCES = {
    "infinity_norm": "infinity_norm",
    "jensen_shannon_divergence": "jensen_shannon",
    "normalized_abs_difference": "normalized_abs_difference",
}
_MEASUREMENTS = {
    _Measurement.L_INFTY: "infinity_norm",
    _Measurement.JENSEN_SHANNON_DIVERGENCE: "jensen_shannon",
    _Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE: "normalized_abs_difference",
}
TYPES = {
    "infinity_norm": _Info.COMPARATOR_L_INFTY_HIGH,
    "jensen_shannon": _Info.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
    "normalized_abs_difference": _Info.COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH,
}
_REMEDY = (
    "See whether the change is real: if so, retrain on newer data or raise the comparator's "
    "threshold in the schema; if not, mend the source of the data."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """One comparator of a feature.

    Attributes:
        feature: Its name.
        distance: Of `distances`.
        threshold: What the distance may be at most.
        value: What it is; None where it could not be told.
        note: Why it could not, or why TFDV's number was not taken.
    """

    feature: str
    distance: str
    threshold: float
    value: float | None
    note: str = ""


def measure(
    training: Statistics,
    serving: Statistics,
    schema: schema_pb2.Schema,
    *,
    against: str,
    names: Collection[str],
    samples: Mapping[str, Pair],
) -> tuple[Compared, ...]:
    """Returns what the comparators of a schema measure.

    Args:
        training: Statistics of the baseline.
        serving: Those of what was served.
        schema: Holds the comparators.
        against: "training" or "previous".
        names: Of the features that are looked at.
        samples: Both samples of features, training first, where there are any.
    """
    asked = [
        (feature.name, distance, threshold)
        for feature in schema.feature
        if feature.name in names
        for distance, threshold in _comparators(feature, against)
    ]
    if not asked:
        return ()
    told = with_values(training), with_values(serving)
    by_tfdv = _ask_tfdv(*told, schema, against)
    sides = [{name_of(one): one for one in side.datasets[0].features} for side in told]
    return tuple(
        _compare(
            Compared(
                feature=name,
                distance=distance,
                threshold=threshold,
                value=by_tfdv.get((name, distance)),
            ),
            [side.get(name) for side in sides],
            samples.get(name),
        )
        for name, distance, threshold in asked
    )


def judge(compared: Compared, verdict: FeatureVerdict | None) -> Finding:
    """Returns the finding on one comparator.

    Args:
        compared: What was measured.
        verdict: What the calibrated comparisons say of the feature; None where there are none.
    """
    status, reason = _judge(compared, verdict)
    value = compared.value
    measures: tuple[Measure, ...] = ()
    if value is not None:
        sizes = [(one.training, one.serving) for one in verdict.comparisons] if verdict else []
        training, serving = sizes[0] if sizes else (0, 0)
        measured = Measure(
            distance=compared.distance,
            value=value,
            threshold=compared.threshold,
            training=training,
            serving=serving,
            status=status,
        )
        measures = (measured,)
    return Finding(
        kind="comparator",
        feature=compared.feature,
        status=status,
        # What was not compared ranks behind the comparison that it waits for.
        severity=0.0 if status == NOT_COMPARED else _severity(compared),
        reason=" ".join(filter(None, [reason, compared.note])),
        remedy=_REMEDY if status == ALARM else "",
        measures=measures,
    )


def _judge(compared: Compared, verdict: FeatureVerdict | None) -> tuple[str, str]:
    name, value, threshold = compared.distance, compared.value, compared.threshold
    if value is None or math.isnan(value):
        return NOT_COMPARED, f"{name}: expected values on both sides, received none on one."
    said = f"{name}: expected at most the schema's {threshold:g}, received {value:.4g}"
    if value <= threshold:
        return OK, f"{said}."
    made = [one.calibration for one in verdict.comparisons if one.calibration] if verdict else []
    if any(one.significant for one in made):
        return ALARM, f"{said}, which chance does not explain."
    if verdict is None or verdict.status is Status.NOT_COMPARED:
        return NOT_COMPARED, f"{said}, and there are too few rows to tell it from chance."
    return OK, f"{said}, which samples of these sizes reach by chance."


def _severity(compared: Compared) -> float:
    if not compared.value:
        return 0.0
    ratio = compared.value / compared.threshold if compared.threshold > 0 else math.inf
    return math.sqrt(ratio) if distances.get(compared.distance).quadratic else ratio


def _comparators(feature: schema_pb2.Feature, against: str) -> Iterator[tuple[str, float]]:
    field = "skew_comparator" if against == keys.TRAINING else "drift_comparator"
    comparator = getattr(feature, field)
    for name, distance in _DISTANCES.items():
        if comparator.HasField(name):
            yield distance, getattr(comparator, name).threshold


def _ask_tfdv(
    training: Statistics, serving: Statistics, schema: schema_pb2.Schema, against: str
) -> dict[tuple[str, str], float]:
    if against == keys.TRAINING:
        found = tfdv.validate_statistics(training, schema, serving_statistics=serving)
    else:
        found = tfdv.validate_statistics(serving, schema, previous_statistics=training)
    return {
        (".".join(info.path.step), _MEASUREMENTS[one.type]): one.value
        for info in found.drift_skew_info
        for one in (*info.skew_measurements, *info.drift_measurements)
        if one.type in _MEASUREMENTS
    }


def _compare(
    compared: Compared,
    sides: list[FeatureNameStatistics | None],
    samples: Pair | None,
) -> Compared:
    training, serving = sides
    if training is None or serving is None:
        return dataclasses.replace(compared, value=None)
    if samples and (mistaken := _misread_texts(training, serving)):
        # Samples of another kind are not of texts, whatever the statistics say.
        if isinstance(samples[0], CategoricalSample) and isinstance(samples[1], CategoricalSample):
            return _measured(compared, _all_texts(samples[0], samples[1]), mistaken)
        return compared
    numeric = training.HasField("num_stats") and serving.HasField("num_stats")
    if numeric and compared.distance == "infinity_norm":
        return _by_histograms(compared, training, serving, "TFDV gives 0 for numbers.")
    if numeric and (_has_special(training) or _has_special(serving)):
        return _by_histograms(
            compared, training, serving, "NaN and infinities are bins of their own, unlike in TFDV."
        )
    return compared


def _misread_texts(training: FeatureNameStatistics, serving: FeatureNameStatistics) -> str:
    """Returns why TFDV's histograms of texts do not hold all of them, or an empty text."""
    if max(_distinct(training), _distinct(serving)) > TFDV_STRINGS:
        return "TFDV compares the 1,000 most frequent texts only."
    if any(side.string_stats.invalid_utf8_count for side in (training, serving)):
        return "TFDV takes all that is not UTF-8 for one text."
    return ""


def _all_texts(training: CategoricalSample, serving: CategoricalSample) -> Aligned:
    # Both name texts by their bytes: they were read from examples.
    sides = [dict(sample.counts) for sample in (training, serving)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    counts = [np.array([side.get(name, 0) for name in names], np.int64) for side in sides]
    return Aligned(training=counts[0], serving=counts[1])


def _by_histograms(
    compared: Compared,
    training: FeatureNameStatistics,
    serving: FeatureNameStatistics,
    note: str,
) -> Compared:
    aligned = align_statistics(training, serving)
    if isinstance(aligned, NotCompared):
        return dataclasses.replace(compared, value=None, note=aligned.detail)
    return _measured(compared, aligned, note)


def _measured(compared: Compared, aligned: Aligned, note: str) -> Compared:
    value = distances.get(compared.distance).measure(aligned)
    return dataclasses.replace(compared, value=value, note=f"({note})")


def _distinct(feature: FeatureNameStatistics) -> int:
    return int(feature.string_stats.unique)


def _has_special(feature: FeatureNameStatistics) -> bool:
    return any(
        histogram.num_nan
        or any(math.isinf(b.low_value) or math.isinf(b.high_value) for b in histogram.buckets)
        for histogram in feature.num_stats.histograms
    )
