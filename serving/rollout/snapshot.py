"""What was seen of a rollout: frozen numbers for each arm, gathered within one step.

A snapshot is all that guards and promotion look at. It travels as JSON from the server, or from
many, to whoever decides; `ArmStats.merged` adds what several servers saw. Gathering is left to
`arms`.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping

from serving.rollout import json_fields
from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.histogram import LATENCY_SEC, Histogram, LinearScale
from serving.rollout.json_fields import Fields
from serving.rollout.metric import Moments

# Two versions of one model give probabilities, unless the plan says otherwise.
PROBABILITIES = LinearScale(low=0.0, high=1.0, inner=64)
_NO_LATENCY = Histogram.empty(LATENCY_SEC)
_NO_PREDICTIONS = Histogram.empty(PROBABILITIES)


class Wish(enum.Enum):
    """What the operator wants, until they want something else."""

    NONE = "none"
    PAUSE = "pause"
    PROMOTE = "promote"
    ABORT = "abort"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArmStats:
    """What was seen of one version.

    Attributes:
        requests: How many it was asked.
        errors: How many of them it failed by its own fault. What the caller did wrong is no error.
        latency: Of its answers, in seconds, over `LATENCY_SEC`.
        predictions: A number for each predicted row; NaN where it predicted none.
        metrics: Values by name of metric, of those whose label is known.

    Raises:
        RolloutError: There are more errors than requests, or latencies over other bins.
    """

    requests: int = 0
    errors: int = 0
    latency: Histogram = _NO_LATENCY
    predictions: Histogram = _NO_PREDICTIONS
    metrics: Mapping[str, Moments] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.requests:
            raise RolloutError(
                "arm: expected at most as many errors as requests, received "
                f"{self.errors} of {self.requests}."
            )
        if self.latency.scale != LATENCY_SEC:
            raise RolloutError(
                f"arm: expected latencies over {LATENCY_SEC}, received {self.latency.scale}."
            )

    @property
    def failed(self) -> Count:
        """Errors of requests."""
        return Count(self.errors, self.requests)

    def merged(self, other: ArmStats) -> ArmStats:
        """Returns what both saw together.

        Raises:
            RolloutError: Their predictions are over different bins.
        """
        names = sorted(self.metrics.keys() | other.metrics.keys())
        none = Moments()
        return ArmStats(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            latency=self.latency.merged(other.latency),
            predictions=self.predictions.merged(other.predictions),
            metrics={
                name: self.metrics.get(name, none).merged(other.metrics.get(name, none))
                for name in names
            },
        )

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON has it; bins that hold nothing are left out."""
        scale = self.predictions.scale
        return {
            "requests": self.requests,
            "errors": self.errors,
            "latency": self.latency.to_json(),
            "prediction_scale": dataclasses.asdict(scale),
            "predictions": self.predictions.to_json(),
            "metrics": {name: found.to_json() for name, found in sorted(self.metrics.items())},
        }

    @classmethod
    def from_json(cls, found: object, where: str) -> ArmStats:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: A field is missing, unknown or not valid.
        """
        fields = Fields(found, where)
        scale = read_scale(fields.take("prediction_scale"), f"{where}, prediction_scale")
        metrics = fields.mapping("metrics")
        stats = cls(
            requests=fields.whole("requests"),
            errors=fields.whole("errors"),
            latency=Histogram.from_json(fields.take("latency"), LATENCY_SEC, f"{where}, latency"),
            predictions=Histogram.from_json(
                fields.take("predictions"), scale, f"{where}, predictions"
            ),
            metrics={
                name: Moments.from_json(value, f"{where}, {name}")
                for name, value in metrics.items()
            },
        )
        fields.done()
        return stats


def read_scale(found: object, where: str) -> LinearScale:
    """Reads the range and the bins of predictions.

    Raises:
        RolloutError: A field is missing, unknown or not valid.
    """
    fields = Fields(found, where)
    scale = LinearScale(
        low=fields.number("low"),
        high=fields.number("high"),
        inner=fields.whole("inner", PROBABILITIES.inner, least=1),
    )
    fields.done()
    return scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that a decision is made from, beside the plan and the state.

    Attributes:
        step: In which step of the rollout it was gathered; -1 before the first.
        candidate: What was seen of the candidate in this step.
        stable: Likewise of the stable version, in the same time.
        candidate_ready: Whether the candidate is loaded and warm wherever it will be asked.
        candidate_failure: Why it cannot be loaded; empty otherwise.
        wish: What the operator wants.
    """

    step: int = -1
    candidate: ArmStats = dataclasses.field(default_factory=ArmStats)
    stable: ArmStats = dataclasses.field(default_factory=ArmStats)
    candidate_ready: bool = False
    candidate_failure: str = ""
    wish: Wish = Wish.NONE

    def to_json(self) -> str:
        """Returns it as a JSON document."""
        return json.dumps(
            {
                "step": self.step,
                "candidate": self.candidate.to_json(),
                "stable": self.stable.to_json(),
                "candidate_ready": self.candidate_ready,
                "candidate_failure": self.candidate_failure,
                "wish": self.wish.value,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Snapshot:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: It is not JSON, or a field is missing, unknown or not valid.
        """
        fields = Fields(json_fields.parse(text, "snapshot"), "snapshot")
        snapshot = cls(
            step=fields.whole("step", least=-1),
            candidate=ArmStats.from_json(fields.take("candidate"), "snapshot, candidate"),
            stable=ArmStats.from_json(fields.take("stable"), "snapshot, stable"),
            candidate_ready=fields.truth("candidate_ready"),
            candidate_failure=fields.text("candidate_failure"),
            wish=Wish(fields.chosen("wish", [one.value for one in Wish])),
        )
        fields.done()
        return snapshot
