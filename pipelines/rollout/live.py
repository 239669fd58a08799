"""Live metrics for the guards of rollouts: of served rows whose labels have come.

How they are computed is left to `pipelines.feedback.arm_metrics`, which is imported when it is
needed first: most plans need none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.config import PipelineConfig
from pipelines.rollout.conduct import Metrics
from pipelines.rollout.sightings import LiveMetrics
from pipelines.workspace import Workspace
from serving.rollout.plan import Plan
from serving.rollout.state import State

if TYPE_CHECKING:
    from pipelines.feedback.arm_metrics import ArmMetrics


def metrics(config: PipelineConfig, workspace: Workspace, clock: Callable[[], float]) -> Metrics:
    """Returns what tells live metrics by arm since a step began.

    Args:
        config: Of the pipeline; says what a label is.
        workspace: Where the request log and the labels are.
        clock: The time that all agree on, seconds since 1970.
    """
    kept: list[ArmMetrics] = []

    def tell(plan: Plan, state: State) -> LiveMetrics:
        from pipelines.feedback.arm_metrics import ArmMetrics

        if not kept:
            # It remembers what it has read.
            kept.append(
                ArmMetrics(
                    workspace.request_log_root(config.name),
                    workspace.feedback_root(config.name),
                    config,
                )
            )
        return kept[0].extract(
            rollout_id=plan.id, since_sec=state.step_started_sec, now_sec=clock()
        )

    return tell
