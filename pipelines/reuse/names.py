"""Names of the pipeline that evaluates older versions, and of its nodes."""

from __future__ import annotations

from typing import Final

SELECTOR: Final = "VersionSelector"  # id of the node
SPLIT: Final = "newest"


def pipeline_name(name: str) -> str:
    """Returns the name of the pipeline that evaluates another one's older versions."""
    return f"{name}-reuse"
