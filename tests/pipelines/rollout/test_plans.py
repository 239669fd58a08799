"""What a pipeline's configuration says of rollouts."""

from __future__ import annotations

import pytest

from pipelines import config as configuration
from pipelines.config_parts import RolloutConfig
from pipelines.errors import UsageError
from pipelines.rollout import plans
from pipelines.taxi.config import CONFIG
from serving.rollout.plan import CANARY_STEPS, Strategy


def test_every_default_can_be_meant() -> None:
    for strategy in Strategy:
        plans.check(RolloutConfig(strategy=strategy.value))
    for name in configuration.names():
        plans.check(configuration.named(name).rollout)


def test_a_configuration_becomes_a_plan() -> None:
    config = configuration.load(
        CONFIG, None, ["rollout.strategy=canary", "rollout.min_requests=50"]
    ).rollout
    plan = plans.plan_of(config, rollout_id="taxi-2", model="taxi", stable=1, candidate=2)
    assert (plan.steps, plan.min_requests, plan.max_step_sec) == (CANARY_STEPS, 50, None)


def test_what_cannot_be_meant_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="rollout: guard 'eror_rate': expected one of") as refused:
        plans.check(RolloutConfig(strategy="canary", guards=("eror_rate",)))
    assert "[rollout]" in refused.value.remedy
