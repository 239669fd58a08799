"""What a rollout is meant to do: a frozen value, and the JSON document that holds it.

    {"format": 1, "id": "flights-12", "model": "flights", "stable_version": 11,
     "candidate_version": 12, "strategy": "canary", "steps": [0.01, 0.05, 0.25, 1.0],
     "key": "header:x-customer", "min_requests": 1000, "min_step_sec": 600,
     "guards": [{"guard": "error_rate", "margin": 0.005, "max_rate": 0.05}]}

Strategies:

    canary      the candidate answers a share of keys, raised step by step up to 1
    shadow      it is asked a share of requests besides, and its answers are only looked at
    blue_green  both are warm, then it answers everything at once, and the other stays warm
    ab_test     it answers a fixed share until the metric has a verdict
    direct      it answers everything at once, and nothing is watched

Rolling a version over replicas is the work of the orchestrator's manifests and no strategy here.
Files are left to `plan_file`, what follows from a plan to `promotion`.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import json
import math
import re

from serving.rollout import guards, json_fields
from serving.rollout.errors import RolloutError
from serving.rollout.guards import Bounds
from serving.rollout.histogram import LinearScale
from serving.rollout.json_fields import Fields
from serving.rollout.metric import Metric
from serving.rollout.snapshot import PROBABILITIES, read_scale
from serving.rollout.sticky_key import REQUEST_ID, StickyKey

FORMAT = 1
CANARY_STEPS = (0.01, 0.05, 0.25, 1.0)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Strategy(enum.Enum):
    """How a candidate reaches users."""

    CANARY = "canary"
    SHADOW = "shadow"
    BLUE_GREEN = "blue_green"
    AB_TEST = "ab_test"
    DIRECT = "direct"


class OnSuccess(enum.Enum):
    """What a shadow or an A/B test leads to when the candidate did well."""

    PROMOTE = "promote"
    REPORT = "report"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an A/B test is about.

    Attributes:
        metric: Which way is good, and from which difference on it matters.
        alpha: Chance of a wrong verdict, over all looks, in (0, 1).
        max_sec: After how long it ends undecided.

    Raises:
        RolloutError: A number is out of its range.
    """

    metric: Metric
    alpha: float = 0.05
    max_sec: float = 14 * 24 * 3600.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 < self.max_sec < math.inf:
            raise RolloutError(
                "experiment: expected alpha in (0, 1) and max_sec above 0, received "
                f"{self.alpha:g} and {self.max_sec:g}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A rollout.

    Attributes:
        id: Names it; letters, digits and `._-`, at most 128.
        model: The model's name.
        stable_version: Which version serves until it ends.
        candidate_version: Which is tried.
        strategy: How.
        steps: The candidate's shares, each larger than the one before. A canary's end at 1; a
            shadow and an A/B test have one, the others none.
        key: What sticks to an arm.
        guards: Bounds that must hold in every step. Of a shadow `p99_latency` is not asked: copies
            wait for each other in one thread, so their times are not the candidate's.
        min_requests: How many the candidate must have had before a step is over; the stable
            version as well, where it is compared.
        min_step_sec: How long a step lasts at least.
        max_step_sec: After how long a step that is not over ends in a rollback, as does a rollout
            that has not begun so long after it was opened; None for never.
        false_alarm_rate: Chance that a sound candidate is rolled back, over all guards, steps and
            looks, in (0, 1).
        predictions: The range of predictions.
        on_success: What a shadow or an A/B test leads to.
        experiment: Of an A/B test, and of no other.
        salt: What deals the keys; empty for the id.

    Raises:
        RolloutError: A value is out of its range, or does not go with the strategy.
    """

    id: str
    model: str
    stable_version: int
    candidate_version: int
    strategy: Strategy
    steps: tuple[float, ...] = ()
    key: StickyKey = REQUEST_ID
    guards: tuple[Bounds, ...] = ()
    min_requests: int = 1000
    min_step_sec: float = 0.0
    max_step_sec: float | None = None
    false_alarm_rate: float = 0.01
    predictions: LinearScale = PROBABILITIES
    on_success: OnSuccess = OnSuccess.PROMOTE
    experiment: Experiment | None = None
    salt: str = ""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_numbers(self)
        _check_steps(self)
        _check_strategy(self)

    @property
    def dealt_by(self) -> str:
        """The salt that routing takes."""
        return self.salt or self.id

    @property
    def shares(self) -> tuple[float, ...]:
        """The candidate's share in each step; of all that are answered, or copied in a shadow."""
        return self.steps or (1.0,)

    def compared(self, step: int) -> bool:
        """Whether the stable version is asked in a step as well."""
        return self.strategy is Strategy.SHADOW or self.shares[step] < 1

    @property
    def asked(self) -> tuple[Bounds, ...]:
        """The guards that say something in this strategy."""
        if self.strategy is not Strategy.SHADOW:
            return self.guards
        return tuple(one for one in self.guards if not isinstance(one, guards.P99Latency))

    @property
    def alpha(self) -> float:
        """Chance of a false alarm of one guard in one step.

        Bonferroni's correction, which holds however guards depend on each other.
        """
        return self.false_alarm_rate / max(1, len(self.guards) * len(self.shares))

    def to_json(self) -> str:
        """Returns it as a JSON document, for people too."""
        return json.dumps(_document(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Reads a plan.

        Raises:
            RolloutError: It is not JSON, or a field is missing, unknown or not valid.
        """
        return _read(json_fields.parse(text, "plan"))


def _check_names(plan: Plan) -> None:
    for field in ("id", "model", "salt"):
        value = getattr(plan, field)
        if not _NAME.fullmatch(value) and not (field == "salt" and not value):
            raise RolloutError(
                f"plan: {field} must be letters, digits and ._-, at most 128, received {value!r}."
            )


def _check_numbers(plan: Plan) -> None:
    where = f"plan {plan.id}"
    if min(plan.stable_version, plan.candidate_version) < 0:
        raise RolloutError(f"{where}: expected versions of at least 0.")
    if plan.stable_version == plan.candidate_version:
        raise RolloutError(
            f"{where}: stable and candidate version are both {plan.stable_version}. Name another."
        )
    if plan.min_requests < 1:
        raise RolloutError(
            f"{where}: min_requests must be at least 1, received {plan.min_requests}."
        )
    if not 0 <= plan.min_step_sec < math.inf:
        raise RolloutError(
            f"{where}: min_step_sec must be at least 0, received {plan.min_step_sec}."
        )
    if plan.max_step_sec is not None and plan.max_step_sec <= plan.min_step_sec:
        raise RolloutError(
            f"{where}: max_step_sec must be above min_step_sec ({plan.min_step_sec:g}), received "
            f"{plan.max_step_sec:g}."
        )
    if not 0 < plan.false_alarm_rate < 1:
        raise RolloutError(
            f"{where}: false_alarm_rate must be in (0, 1), received {plan.false_alarm_rate:g}."
        )


def _check_steps(plan: Plan) -> None:
    where = f"plan {plan.id}"
    if not all(0 < share <= 1 for share in plan.steps):
        raise RolloutError(f"{where}: steps must be in (0, 1], received {list(plan.steps)}.")
    if any(later <= sooner for sooner, later in itertools.pairwise(plan.steps)):
        raise RolloutError(
            f"{where}: each step must be larger than the one before, received {list(plan.steps)}."
        )
    expected = {
        Strategy.CANARY: ("shares that end at 1", plan.steps[-1:] == (1.0,)),
        Strategy.SHADOW: ("one share", len(plan.steps) == 1),
        Strategy.AB_TEST: ("one share below 1", len(plan.steps) == 1 and plan.steps[0] < 1),
        Strategy.BLUE_GREEN: ("none", not plan.steps),
        Strategy.DIRECT: ("none", not plan.steps),
    }
    steps, fits = expected[plan.strategy]
    if not fits:
        raise RolloutError(
            f"{where}: the steps of {plan.strategy.value} must be {steps}, received "
            f"{list(plan.steps)}."
        )


def _check_strategy(plan: Plan) -> None:
    where = f"plan {plan.id}"
    if (plan.experiment is not None) != (plan.strategy is Strategy.AB_TEST):
        raise RolloutError(
            f"{where}: an experiment belongs to ab_test and to no other strategy, received "
            f"strategy {plan.strategy.value} {'with' if plan.experiment else 'without'} one."
        )
    tests = (Strategy.SHADOW, Strategy.AB_TEST)
    if plan.on_success is OnSuccess.REPORT and plan.strategy not in tests:
        raise RolloutError(
            f"{where}: on_success report belongs to shadow and ab_test; {plan.strategy.value} is "
            "meant to promote."
        )
    if plan.strategy is Strategy.DIRECT and plan.guards:
        raise RolloutError(f"{where}: direct watches nothing, so it has no guards. Take canary.")
    named = [guards.name_of(bounds) for bounds in plan.guards]
    if len(set(plan.guards)) != len(plan.guards):
        raise RolloutError(f"{where}: a guard stands there twice with the same bounds: {named}.")


def _document(plan: Plan) -> dict[str, object]:
    experiment = plan.experiment
    return {
        "format": FORMAT,
        "id": plan.id,
        "model": plan.model,
        "stable_version": plan.stable_version,
        "candidate_version": plan.candidate_version,
        "strategy": plan.strategy.value,
        "steps": list(plan.steps),
        "key": str(plan.key),
        "guards": [{"guard": guards.name_of(one), **one.to_json()} for one in plan.guards],
        "min_requests": plan.min_requests,
        "min_step_sec": plan.min_step_sec,
        "max_step_sec": plan.max_step_sec,
        "false_alarm_rate": plan.false_alarm_rate,
        "predictions": dataclasses.asdict(plan.predictions),
        "on_success": plan.on_success.value,
        "experiment": experiment
        and {**dataclasses.asdict(experiment), "metric": experiment.metric.to_json()},
        "salt": plan.salt,
    }


def _read(found: object) -> Plan:
    fields = Fields(found, "plan")
    fields.has_format(FORMAT)
    strategy = Strategy(fields.chosen("strategy", [one.value for one in Strategy]))
    usual = CANARY_STEPS if strategy is Strategy.CANARY else ()
    plan = Plan(
        id=fields.text("id"),
        model=fields.text("model"),
        stable_version=fields.whole("stable_version"),
        candidate_version=fields.whole("candidate_version"),
        strategy=strategy,
        steps=tuple(_share(share) for share in fields.items("steps", usual)),
        key=StickyKey.parse(fields.text("key", "request_id")),
        guards=tuple(_guard(one, at) for at, one in enumerate(fields.items("guards", ()))),
        min_requests=fields.whole("min_requests", 1000, least=1),
        min_step_sec=fields.number("min_step_sec", 0.0, least=0.0),
        max_step_sec=fields.number_or_none("max_step_sec", least=0.0),
        false_alarm_rate=fields.number("false_alarm_rate", 0.01),
        predictions=_scale(fields.take("predictions", None)),
        on_success=OnSuccess(
            fields.chosen("on_success", [one.value for one in OnSuccess], "promote")
        ),
        experiment=_experiment(fields.take("experiment", None)),
        salt=fields.text("salt", ""),
    )
    fields.done()
    return plan


def _share(found: object) -> float:
    return Fields({"share": found}, "plan, steps").number("share")


def _guard(found: object, at: int) -> Bounds:
    where = f"plan, guard {at + 1}"
    if not isinstance(found, dict):
        raise RolloutError(f"{where}: expected an object, received {found!r}.")
    bounds = dict(found)
    name = bounds.pop("guard", "")
    return guards.read(name if isinstance(name, str) else "", bounds, f"{where} ({name})")


def _scale(found: object) -> LinearScale:
    return PROBABILITIES if found is None else read_scale(found, "plan, predictions")


def _experiment(found: object) -> Experiment | None:
    if found is None:
        return None
    fields = Fields(found, "plan, experiment")
    experiment = Experiment(
        metric=Metric.from_json(fields.take("metric"), "plan, experiment, metric"),
        alpha=fields.number("alpha", Experiment.alpha),
        max_sec=fields.number("max_sec", Experiment.max_sec),
    )
    fields.done()
    return experiment
