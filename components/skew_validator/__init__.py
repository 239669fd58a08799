"""Asks whether what is served is distributed as what was trained on.

verdict = check(training, serving, terms=Terms(), rng=np.random.default_rng(17))
verdict.blessed        # False on an alarm, and where something could not be compared

So far the pure part: samples, distances, their calibration, verdicts. Artifacts are left to a
component that is not here yet.
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
