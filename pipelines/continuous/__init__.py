"""The loop's decisions: whether to run the pipeline now, and why; and who is to know of what.

    from pipelines.continuous import Snapshot, TriggerPolicy, decide

`triggers` tells how it is decided. What touches the world stands apart: `ledger` and `deliveries`
keep what was decided and sent in ML Metadata; `alert_log`, `webhook` and `alert_command` send.
"""

from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import (
    Claim,
    PerformanceVerdict,
    Request,
    RunRecord,
    SkewVerdict,
    Snapshot,
    Span,
)
from pipelines.continuous.triggers import Decision, decide

__all__ = [
    "Claim",
    "Decision",
    "PerformanceVerdict",
    "Request",
    "RunRecord",
    "SkewVerdict",
    "Snapshot",
    "Span",
    "TriggerPolicy",
    "decide",
]
