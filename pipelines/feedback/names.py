"""Names of the pipeline that checks live performance."""

from __future__ import annotations

from typing import Final

VALIDATOR: Final = "PerformanceValidator"  # id of the node


def pipeline_name(name: str) -> str:
    """Returns the name of the pipeline that checks how another one's models do in production."""
    return f"{name}-feedback"
