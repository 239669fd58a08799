"""The plan that a pipeline's configuration means, and whether it can be meant at all.

How it is written is told in `components.rollout_pusher.strategies`.
"""

from __future__ import annotations

from components.rollout_pusher import strategies
from pipelines.config import to_dict
from pipelines.config_parts import RolloutConfig
from pipelines.errors import UsageError
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Plan


def plan_of(
    config: RolloutConfig, *, rollout_id: str, model: str, stable: int, candidate: int
) -> Plan:
    """Returns the plan of a rollout.

    Args:
        config: How.
        rollout_id: Names it.
        model: The model's name.
        stable: Which version serves.
        candidate: Which is tried.

    Raises:
        UsageError: The configuration cannot be meant.
    """
    try:
        return strategies.plan(
            to_dict(config), rollout_id=rollout_id, model=model, stable=stable, candidate=candidate
        )
    except RolloutError as error:
        raise UsageError(
            f"rollout: {error}",
            remedy="Correct the table [rollout] of the configuration, or --set rollout.…=…",
        ) from error


def check(config: RolloutConfig) -> None:
    """Refuses a configuration before anything is trained with it.

    Raises:
        UsageError: It cannot be meant.
    """
    plan_of(config, rollout_id="checked", model="checked", stable=1, candidate=2)
