"""What must hold while a candidate is tried, one guard in each file, by name."""

from serving.rollout.guards.error_rate import ErrorRate, error_rate
from serving.rollout.guards.live_metric import LiveMetric, live_metric
from serving.rollout.guards.p99_latency import P99Latency, p99_latency
from serving.rollout.guards.paired_metric import PairedMetric, paired_metric
from serving.rollout.guards.prediction_drift import PredictionDrift, prediction_drift
from serving.rollout.guards.registry import (
    Bounds,
    Finding,
    Status,
    Terms,
    judge,
    name_of,
    names,
    read,
)

__all__ = [
    "Bounds",
    "ErrorRate",
    "Finding",
    "LiveMetric",
    "P99Latency",
    "PairedMetric",
    "PredictionDrift",
    "Status",
    "Terms",
    "error_rate",
    "judge",
    "live_metric",
    "name_of",
    "names",
    "p99_latency",
    "paired_metric",
    "prediction_drift",
    "read",
]
