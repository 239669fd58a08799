"""Says in one plain sentence how a feature changed: what was expected, what was received. Pure."""

from __future__ import annotations

import math

import numpy as np

from components.skew_validator.calibration import Calibration
from components.skew_validator.sample import CategoricalSample, NumericSample, Sample
from components.skew_validator.verdict import Comparison, FeatureVerdict, Status

_MAX_NAME = 40


def change(verdict: FeatureVerdict, training: Sample, serving: Sample) -> str:
    """Returns how a feature that alarms changed, by each comparison that alarms, worst first."""
    alarms = [one for one in verdict.comparisons if one.status is Status.ALARM]
    said: dict[str, list[str]] = {}
    for one in sorted(alarms, key=lambda one: -one.severity):
        if one.calibration:
            said.setdefault(_what(one, training, serving), []).append(
                _measured(one, one.calibration)
            )
    return "; ".join(f"{what} ({'; '.join(measured)})" for what, measured in said.items()) + "."


def unchanged(verdict: FeatureVerdict) -> str:
    """Returns why a feature that was compared is not an alarm."""
    return "; ".join(
        _measured(one, one.calibration) for one in verdict.comparisons if one.calibration
    )


def _measured(comparison: Comparison, found: Calibration) -> str:
    bound = f"chance exceeds {found.threshold:.3g} once in {1 / found.alpha:,.0f} times"
    floor = f", the floor is {comparison.floor:g}" if comparison.floor else ""
    return f"{comparison.distance} {found.value:.3g}, {bound}, p = {found.p_value:.2g}{floor}"


def _what(comparison: Comparison, training: Sample, serving: Sample) -> str:
    if comparison.distance == "absence":
        return _absence(training, serving)
    if isinstance(training, NumericSample) and isinstance(serving, NumericSample):
        if comparison.distance == "whole_numbers":
            return _whole(training, serving)
        return _numbers(training, serving)
    assert isinstance(training, CategoricalSample)
    assert isinstance(serving, CategoricalSample)
    return _categories(training, serving)


def _absence(training: Sample, serving: Sample) -> str:
    names: tuple[str, ...] = ("values", "NaN", "-inf", "inf", "no value")
    if isinstance(training, CategoricalSample):
        names = ("values", "no value")
    shares = [_shares(side.presence) for side in (training, serving)]
    # What is lost from values shows among the others.
    place = 1 + int(np.argmax(np.abs(shares[0] - shares[1])[1:]))
    return (
        f"expected {names[place]} in {_percent(shares[0][place])} of the rows, received it in "
        f"{_percent(shares[1][place])}"
    )


def _whole(training: NumericSample, serving: NumericSample) -> str:
    shares = [
        float((side.values == np.floor(side.values)).mean()) if side.values.size else math.nan
        for side in (training, serving)
    ]
    return (
        f"expected whole numbers in {_percent(shares[0])} of the values, received them in "
        f"{_percent(shares[1])}"
    )


def _numbers(training: NumericSample, serving: NumericSample) -> str:
    sides = training.values, serving.values
    if not all(side.size for side in sides):
        return f"expected {_count(training)}, received {_count(serving)}"
    quartiles = [np.quantile(side, [0.25, 0.5, 0.75]) for side in sides]
    said = [f"a median of {q[1]:.4g} (half from {q[0]:.4g} to {q[2]:.4g})" for q in quartiles]
    return f"expected {said[0]}, received {said[1]}"


def _count(sample: NumericSample) -> str:
    return f"{sample.values.size:,} finite numbers in {sample.rows:,} rows"


def _categories(training: CategoricalSample, serving: CategoricalSample) -> str:
    sides = []
    for sample in (training, serving):
        total = max(sample.present, 1)
        sides.append({_text(name): count / total for name, count in sample.counts.items()})
    names = sides[0].keys() | sides[1].keys()
    if not names:
        return "expected values, received none"
    moved = {name: sides[1].get(name, 0.0) - sides[0].get(name, 0.0) for name in names}
    name = max(sorted(names), key=lambda one: abs(moved[one]))
    shown = name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"
    return (
        f"expected {shown!r} in {_percent(sides[0].get(name, 0.0))} of the values, received it in "
        f"{_percent(sides[1].get(name, 0.0))}"
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    shares: np.ndarray = counts / max(counts.sum(), 1)
    return shares


def _percent(share: float) -> str:
    return f"{share:.3g}" if math.isnan(share) else f"{100 * share:.3g} %"


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")
