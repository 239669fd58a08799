"""Says broken rules as TFDV says anomalies, so that what reads the one reads the other."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_quality_validator.measurement import Measurement, Report

_SEVERITIES = {
    "error": anomalies_pb2.AnomalyInfo.ERROR,
    "warning": anomalies_pb2.AnomalyInfo.WARNING,
}


def anomalies(report: Report) -> anomalies_pb2.Anomalies:
    """Returns an entry under its name for each rule that is broken, or should have been measured.

    Rules are about rows and splits, not about a feature, so the entries have no path.
    """
    message = anomalies_pb2.Anomalies()
    for found in report.measurements:
        if found.counts:
            message.anomaly_info[found.rule.name].CopyFrom(_info(found, report.source))
    return message


def _info(found: Measurement, source: str) -> anomalies_pb2.AnomalyInfo:
    broken = found.verdict == "BROKEN"
    short = f"{found.side}: {'a rule is broken' if broken else 'a rule was not measured'}"
    description = f"{found.sentence} The rule stands under {found.side}.{found.kind} in {source}"
    return anomalies_pb2.AnomalyInfo(
        description=description,
        severity=_SEVERITIES[found.rule.severity],
        short_description=short,
        reason=[
            anomalies_pb2.AnomalyInfo.Reason(
                type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
                short_description=short,
                description=description,
            )
        ],
    )
