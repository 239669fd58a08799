"""Holds served rows to the schema, by TFDV, in the environment in which they were served.

TFDV is asked of statistics. What is done before it is asked:

- Columns that the log's reader added are taken out: no schema knows them.
- A column without any value is taken out, so that it is missing to TFDV too. Its statistics are
  those of zeros otherwise, which lie outside of many a domain.
- A label that serving lacks is not expected, whatever the schema says.

Two anomalies are made warnings of:

- A column that the schema knows and does not expect in the environment, whatever its values: no
  model takes it.
- A column that is in fewer rows than its `min_fraction`, or of which fewer values are in the domain
  than its `min_domain_mass`, where rows are so few that chance may have taken it below. Of 20 rows,
  less than half have a value that half of all rows have, 41 times in 100. It stays NOT_COMPARED:
  with so few rows nobody can tell.
"""

from __future__ import annotations

import math

import tensorflow_data_validation as tfdv
from scipy import stats
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.prediction_log_example_gen.keys import is_extra
from components.skew_validator.calibration import per_test
from components.skew_validator.findings import ALARM, LONGER, NOT_COMPARED, OK, Finding
from components.skew_validator.samples import is_expected
from components.skew_validator.verdict import NotCompared, Reason

_WARNING = anomalies_pb2.AnomalyInfo.WARNING
_MISSING = anomalies_pb2.AnomalyInfo.SCHEMA_MISSING_COLUMN
_LOW_FRACTION = anomalies_pb2.AnomalyInfo.FEATURE_TYPE_LOW_FRACTION_PRESENT
_NEW_TEXTS = anomalies_pb2.AnomalyInfo.ENUM_TYPE_UNEXPECTED_STRING_VALUES
_NEW = anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN

_REMEDIES = {
    _MISSING: "Have callers send it, or let the schema not expect it (not_in_environment).",
    _NEW: "Add it to the schema, or have it not sent.",
}
_REMEDY = "Mend what callers send, or the schema where the new values are right."


def validate(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    environment: str,
    *,
    label: str = "",
    false_alarm_rate: float = 0.01,
) -> anomalies_pb2.Anomalies | NotCompared:
    """Returns TFDV's anomalies of what was served, or why there are none.

    Args:
        statistics: Of what was served.
        schema: With its environments.
        environment: The one that what was served has to obey.
        label: The column that is predicted; "" for none.
        false_alarm_rate: Chance of one alarm or more by shares that are as large as they have to
            be.
    """
    if environment not in schema.default_environment:
        return NotCompared(
            Reason.NO_BASELINE,
            f"expected a schema with the default_environment {environment!r}, received one with "
            f"{', '.join(map(repr, schema.default_environment)) or 'none'}. Add default_environment"
            f": {environment!r} to the schema, and not_in_environment: {environment!r} to the "
            "columns that are not sent.",
        )
    told = with_values(statistics)
    if not told.datasets or not told.datasets[0].num_examples:
        return NotCompared(Reason.NO_ROWS, "expected at least one served row, received none.")
    asked = schema_pb2.Schema.FromString(schema.SerializeToString())
    names = {name_of(feature) for feature in told.datasets[0].features}
    for feature in asked.feature:
        if feature.name == label and label not in names:
            feature.not_in_environment.append(environment)
    found = tfdv.validate_statistics(told, asked, environment=environment)
    found.baseline.CopyFrom(schema)
    unexpected = {one.name for one in asked.feature if not is_expected(one, asked, environment)}
    _soften(found, told.datasets[0], schema, false_alarm_rate)
    for key, info in found.anomaly_info.items():
        # TFDV takes it for a new column, like one that nobody knows.
        if _name(key, info) in unexpected:
            info.severity = _WARNING
    return found


def _soften(
    found: anomalies_pb2.Anomalies,
    dataset: statistics_pb2.DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
    false_alarm_rate: float,
) -> None:
    asked = {one.name: one for one in schema.feature}
    shares = [one.presence.min_fraction for one in schema.feature]
    shares += [one.distribution_constraints.min_domain_mass for one in schema.feature]
    alpha = per_test(false_alarm_rate, sum(0 < share < 1 for share in shares))
    told = {name_of(one): one for one in dataset.features}
    for key, info in found.anomaly_info.items():
        name = _name(key, info)
        kinds = {reason.type for reason in info.reason}
        shared = kinds and kinds <= {_LOW_FRACTION, _NEW_TEXTS}
        if shared and name in told and name in asked:
            chances = (_chance(kind, asked[name], told[name], dataset, schema) for kind in kinds)
            if min(chances) > alpha:
                info.severity = _WARNING


def _chance(
    kind: int,
    asked: schema_pb2.Feature,
    told: statistics_pb2.FeatureNameStatistics,
    dataset: statistics_pb2.DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
) -> float:
    """Returns how likely so few or fewer are, where the share is just as large as it has to be."""
    if kind == _LOW_FRACTION:
        found, total = _common(told).num_non_missing, dataset.num_examples
        return float(stats.binom.cdf(found, total, asked.presence.min_fraction))
    counts = {one.label: one.sample_count for one in told.string_stats.rank_histogram.buckets}
    known = sum(counts.get(text, 0) for text in _domain(asked, schema))
    share = asked.distribution_constraints.min_domain_mass
    return float(stats.binom.cdf(known, sum(counts.values()), share))


def _domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> set[str]:
    if feature.WhichOneof("domain_info") == "string_domain":
        return set(feature.string_domain.value)
    return {
        text for one in schema.string_domain if one.name == feature.domain for text in one.value
    }


def with_values(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns statistics of all rows, of those columns that came from a caller and have values."""
    told = statistics_pb2.DatasetFeatureStatisticsList()
    if not statistics.datasets:
        return told
    views = {one.name: one for one in reversed(statistics.datasets)}
    # By TFDV's name of the slice that holds all rows, where there are slices.
    whole = views.get("All Examples", statistics.datasets[0])
    dataset = told.datasets.add(name=whole.name, num_examples=whole.num_examples)
    dataset.features.extend(
        feature
        for feature in whole.features
        if not is_extra(name_of(feature)) and _common(feature).num_non_missing
    )
    return told


def name_of(feature: statistics_pb2.FeatureNameStatistics) -> str:
    """Returns the column of a feature; steps of a path are joined by dots."""
    return feature.name or ".".join(feature.path.step)


def findings_of(
    anomalies: anomalies_pb2.Anomalies, schema: schema_pb2.Schema, rows: int
) -> tuple[Finding, ...]:
    """Returns what anomalies of `validate` say, one finding for each feature.

    Args:
        anomalies: As `validate` returns them.
        schema: The schema.
        rows: How many were served.
    """
    presence = {feature.name: feature.presence for feature in schema.feature}
    found = [
        _finding(_name(key, info), info, presence, rows)
        for key, info in sorted(anomalies.anomaly_info.items())
    ]
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(_finding("", anomalies.dataset_anomaly_info, presence, rows))
    return tuple(found)


def _finding(
    feature: str,
    info: anomalies_pb2.AnomalyInfo,
    presence: dict[str, schema_pb2.FeaturePresence],
    rows: int,
) -> Finding:
    types = [reason.type for reason in info.reason]
    if _MISSING in types and feature in presence:
        share = presence[feature].min_fraction
        reason = f"expected a value in {share:.0%} of the rows or more" if share else "expected it"
        reason += f", received none in {rows:,} rows."
    else:
        said = [f"{one.short_description}: {one.description}" for one in info.reason]
        reason = " ".join(" ".join(said or [info.description]).split())
    status, remedy = ALARM, next((_REMEDIES[kind] for kind in types if kind in _REMEDIES), _REMEDY)
    if info.severity == _WARNING:
        unsure = set(types) <= {_LOW_FRACTION, _NEW_TEXTS}
        status, remedy = (NOT_COMPARED, LONGER) if unsure else (OK, "")
    return Finding(
        kind="schema",
        feature=feature,
        status=status,
        severity=math.inf if status == ALARM else 0.0,
        reason=reason,
        remedy=remedy,
    )


def _name(key: str, info: anomalies_pb2.AnomalyInfo) -> str:
    return ".".join(info.path.step) or key


def _common(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    kind = feature.WhichOneof("stats")
    found: statistics_pb2.CommonStatistics = (
        getattr(feature, kind).common_stats if kind else statistics_pb2.CommonStatistics()
    )
    return found
