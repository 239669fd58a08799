"""Asks whether what is served is distributed as what was trained on.

verdict = check(training, serving, terms=Terms(), rng=np.random.default_rng(17))
verdict.blessed        # False on an alarm, and where something could not be compared

These are the pure parts: samples, distances, their calibration, verdicts. `component` holds the
component, `validation` what it does; neither is imported here, since findings are read without TFX.
"""

from components.skew_validator.sample import CategoricalSample, NumericSample, Sample
from components.skew_validator.skew import check
from components.skew_validator.terms import Terms
from components.skew_validator.verdict import (
    Comparison,
    FeatureVerdict,
    NotCompared,
    Reason,
    Status,
    Verdict,
)

__all__ = [
    "CategoricalSample",
    "Comparison",
    "FeatureVerdict",
    "NotCompared",
    "NumericSample",
    "Reason",
    "Sample",
    "Status",
    "Terms",
    "Verdict",
    "check",
]
