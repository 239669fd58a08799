"""Names of the pipeline that checks for skew, and what its verdicts make a command exit with."""

from __future__ import annotations

from typing import Final

VALIDATOR: Final = "SkewValidator"  # id of the node

# By verdict. 3 is that of anomalies in the data, which skew is.
EXIT_CODES: Final = {"OK": 0, "ALARM": 3, "NOT_COMPARED": 5}


def pipeline_name(name: str) -> str:
    """Returns the name of the pipeline that checks what another one's models serve."""
    return f"{name}-skew"
