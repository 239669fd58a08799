"""The area under the ROC curve, and how far a sample lets one trust it."""

from __future__ import annotations

from components.roc.delong import Gain, areas, gain

__all__ = ["Gain", "areas", "gain"]
