"""Gathers what is seen of both arms, request by request, in memory that does not grow.

Accumulators: create, add, merge, extract. An `extract` is frozen and stays as it is while counting
goes on. They are for one thread, the server's event loop. What other servers saw is merged after it
was extracted, and so is what this one saw before it was started anew: counts that are forgotten
within a step would give the guards' error rates a fresh start. Saying which failures are the
model's own fault, and which number stands for a prediction, is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable

from serving.rollout.histogram import LATENCY_SEC, Histogram, LinearScale
from serving.rollout.metric import Moments
from serving.rollout.routing import Arm
from serving.rollout.snapshot import PROBABILITIES, ArmStats


class ArmAccumulator:
    """Counts for one version.

    Args:
        predictions: The range of its predictions, and the bins in it.
    """

    def __init__(self, predictions: LinearScale = PROBABILITIES) -> None:
        self._scale = predictions
        self._requests = 0
        self._errors = 0
        self._latency = [0] * LATENCY_SEC.bins
        self._predictions = [0] * predictions.bins
        self._metrics: dict[str, Moments] = {}

    def add_answer(self, latency_sec: float, predictions: Iterable[float] = ()) -> None:
        """Counts a request that was answered.

        Args:
            latency_sec: How long it took.
            predictions: A number for each row that was predicted.
        """
        self._requests += 1
        self._latency[LATENCY_SEC.index(latency_sec)] += 1
        for prediction in predictions:
            self._predictions[self._scale.index(prediction)] += 1

    def add_error(self) -> None:
        """Counts a request that the version failed; a quick failure is no good latency."""
        self._requests += 1
        self._errors += 1

    def add_label(self, metric: str, value: float) -> None:
        """Counts the value of a metric, when a label has come.

        Raises:
            RolloutError: The value is not finite.
        """
        self._metrics[metric] = self._metrics.get(metric, Moments()).with_value(value)

    def merge(self, other: ArmStats) -> None:
        """Adds what was seen elsewhere.

        Raises:
            RolloutError: Its predictions are over other bins.
        """
        both = self.extract().merged(other)
        self._requests, self._errors = both.requests, both.errors
        self._latency = list(both.latency.counts)
        self._predictions = list(both.predictions.counts)
        self._metrics = dict(both.metrics)

    def extract(self) -> ArmStats:
        """Returns what was seen so far."""
        return ArmStats(
            requests=self._requests,
            errors=self._errors,
            latency=Histogram(LATENCY_SEC, tuple(self._latency)),
            predictions=Histogram(self._scale, tuple(self._predictions)),
            metrics=dict(self._metrics),
        )


class StepAccumulator:
    """Counts for both versions within one step; the next step begins with a new one.

    Args:
        step: Which step of the rollout.
        predictions: The range of predictions, and the bins in it.
    """

    def __init__(self, step: int, predictions: LinearScale = PROBABILITIES) -> None:
        self.step = step
        self._arms = {arm: ArmAccumulator(predictions) for arm in Arm}

    def __getitem__(self, arm: Arm) -> ArmAccumulator:
        return self._arms[arm]
