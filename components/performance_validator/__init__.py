"""Asks whether a model does in production what its evaluation promised.

judged = judge(sample, area, baseline=Baseline(area=0.71), terms=Terms())
judged.status        # DEGRADED only where the whole interval of the area lies below its bound

These are the pure parts. `component` holds the component, `live_metrics` what TFMA computes;
neither is imported here, since findings are read without TFX.
"""

from components.performance_validator.area import Area, area_of
from components.performance_validator.verdict import Baseline, Judgement, Sample, Terms, judge

__all__ = ["Area", "Baseline", "Judgement", "Sample", "Terms", "area_of", "judge"]
