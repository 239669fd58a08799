"""Reads what Evaluator measured of a version, by slice, from its `ModelEvaluation`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import tensorflow_model_analysis as tfma

from components.performance_validator.slices import name_of

ByMetric = Mapping[str, float]


def read(uri: str, baseline_models: Collection[str]) -> dict[str, ByMetric]:
    """Returns metrics by slice and name.

    Args:
        uri: Of the evaluation.
        baseline_models: Names that the configuration gave to the model that was compared with;
            their metrics are not those of the version itself.
    """
    found: dict[str, dict[str, float]] = {}
    for of_slice in tfma.load_metrics(uri):
        key = [
            (one.column, _value(getattr(one, one.WhichOneof("kind"))))
            for one in of_slice.slice_key.single_slice_keys
        ]
        metrics = found.setdefault(name_of(key), {})
        for item in of_slice.metric_keys_and_values:
            own = not item.key.is_diff and item.key.model_name not in baseline_models
            if own and item.value.WhichOneof("type") == "double_value":
                metrics[item.key.name] = item.value.double_value.value
    return dict(found)


def _value(value: str | bytes | float) -> str | int | float:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
