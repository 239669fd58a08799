"""Writes findings into TFDV's `Anomalies`, so that stock tools show them. Pure functions.

What TFDV found stays as it is. Each other alarm is added as a reason to the feature that it
concerns, under the type of TFDV's that is nearest: a distance that TFDV has gets its type, every
other one counts as a validation of one's own. What could not be compared is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.skew_validator.comparators import TYPES
from components.skew_validator.findings import ALARM, NOT_COMPARED, Finding

_Info = anomalies_pb2.AnomalyInfo
_SHORT = {
    "schema": "Skew against the schema",
    "distribution": "Distribution skew",
    "drift": "Distribution drift",
    "comparator": "Beyond the schema's comparator",
    "feature": "Values differ between training and serving",
    "prediction": "Prediction drift",
}


def with_findings(
    found: anomalies_pb2.Anomalies | None,
    schema: schema_pb2.Schema,
    findings: Iterable[Finding],
) -> anomalies_pb2.Anomalies:
    """Returns anomalies that tell of all findings that don't bless.

    Args:
        found: TFDV's; None where it could not be asked.
        schema: The baseline.
        findings: All of them. Alarms of kind "schema" are TFDV's own.
    """
    anomalies = anomalies_pb2.Anomalies()
    if found is not None:
        anomalies.CopyFrom(found)
    anomalies.baseline.CopyFrom(schema)
    anomalies.anomaly_name_format = anomalies_pb2.Anomalies.SERIALIZED_PATH
    for finding in findings:
        if finding.kind == "schema" and finding.status == ALARM:
            continue
        if finding.status == ALARM:
            _add(anomalies, finding, _Info.ERROR)
        elif finding.status == NOT_COMPARED and not finding.optional:
            _add(anomalies, finding, _Info.WARNING)
    return anomalies


def _add(
    anomalies: anomalies_pb2.Anomalies, finding: Finding, severity: anomalies_pb2.AnomalyInfo
) -> None:
    if finding.feature:
        info = anomalies.anomaly_info[finding.feature]
        if not info.path.step:
            info.path.step.append(finding.feature)
    else:
        info = anomalies.dataset_anomaly_info
    # An error is never made less of by what comes later.
    info.severity = _Info.ERROR if _Info.ERROR in (info.severity, severity) else severity
    short = _SHORT[finding.kind]
    if finding.status == NOT_COMPARED:
        short = "Not compared"
    info.reason.add(type=_type(finding), short_description=short, description=finding.reason)
    shorts = list(dict.fromkeys(reason.short_description for reason in info.reason))
    info.short_description = shorts[0] if len(shorts) == 1 else "Multiple errors"
    info.description = " ".join(reason.description for reason in info.reason)


def _type(finding: Finding) -> int:
    if finding.status == NOT_COMPARED:
        return _Info.STATS_NOT_AVAILABLE
    alarms = [one.distance for one in finding.measures if one.status == ALARM]
    return next((TYPES[name] for name in alarms if name in TYPES), _Info.CUSTOM_VALIDATION)
