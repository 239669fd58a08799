"""Whether an older version goes back into service instead of a new one being trained.

Conditions come back: a winter's model may suit the next winter better than the autumn's. When a new
model is wanted, the versions that were blessed before are evaluated on the newest span, beside the
one that serves. Evaluating them, and asking whether a new model is wanted at all, is left to
others.

One of many old versions is best by chance. So the intervals of the gains are to be made for all
together (with Bonferroni: of confidence 1 - alpha / versions each), and a version counts only if
its whole interval is above what is asked.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from serving.rollout.errors import RolloutError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How an older version does on the newest span.

    Attributes:
        version: Which.
        examples: On how many examples of the span.
        metric: Its value, for instance AUC; higher is better.
        gain: Its value minus that of the version that serves, on the same examples.
        gain_low: The lowest gain that the data allow.
        blessed: Whether it was blessed when it was trained.
        rolled_back: Whether a rollout of it ended in a rollback.

    Raises:
        RolloutError: A number is not finite, or `gain_low` is above `gain`.
    """

    version: int
    examples: int
    metric: float
    gain: float
    gain_low: float
    blessed: bool = True
    rolled_back: bool = False

    def __post_init__(self) -> None:
        numbers = (self.metric, self.gain, self.gain_low)
        if not all(map(math.isfinite, numbers)) or self.gain_low > self.gain:
            raise RolloutError(
                f"evaluation of version {self.version}: expected finite numbers and gain_low of at "
                f"most gain, received {numbers}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReusePolicy:
    """When an older version may go back into service.

    Attributes:
        enabled: Whether it may at all.
        min_gain: What even the lowest gain must be above, at least 0.
        min_metric: What the metric must at least be.
        min_examples: On fewer examples nothing is said.
    """

    enabled: bool = False
    min_gain: float = 0.0
    min_metric: float = -math.inf
    min_examples: int = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What to do instead of nothing.

    Attributes:
        version: The older version to deploy; None to train a new one.
        because: Why, with a word on every version that was looked at.
    """

    version: int | None
    because: str


def choose(evaluations: Sequence[Evaluation], *, serving: int, policy: ReusePolicy) -> Choice:
    """Returns the older version to deploy, or that a new one is to be trained.

    Of several that are good enough, the one with the largest sure gain is taken; of equals the
    newest.

    Args:
        evaluations: Of older versions on the newest span, each once.
        serving: The version that serves.
        policy: What is asked of them.
    """
    if not policy.enabled:
        return Choice(version=None, because="train: the reuse of older versions is off")
    older = [one for one in evaluations if one.version != serving]
    if not older:
        return Choice(version=None, because="train: there is no older version")
    refusals = {one.version: _refusal(one, policy) for one in older}
    good = [one for one in older if not refusals[one.version]]
    if good:
        best = max(good, key=lambda one: (one.gain_low, one.version))
        return Choice(version=best.version, because=_praise(best, serving))
    said = "; ".join(f"version {version} {why}" for version, why in sorted(refusals.items()))
    return Choice(version=None, because=f"train: {said}")


def _refusal(one: Evaluation, policy: ReusePolicy) -> str:
    """Returns why a version may not go back into service; nothing if it may."""
    checks = (
        (not one.blessed, "was never blessed"),
        (one.rolled_back, "was rolled back"),
        (
            one.examples < policy.min_examples,
            f"was evaluated on {one.examples} of {policy.min_examples} examples",
        ),
        (
            one.metric < policy.min_metric,
            f"has {one.metric:.4g}, {policy.min_metric:.4g} is asked",
        ),
        (
            one.gain_low <= policy.min_gain,
            f"gains {one.gain:+.4g}, at least {one.gain_low:+.4g}, above {policy.min_gain:+.4g} "
            "is asked",
        ),
    )
    return next((why for fails, why in checks if fails), "")


def _praise(best: Evaluation, serving: int) -> str:
    return (
        f"deploy version {best.version}: on {best.examples} examples of the newest span it has "
        f"{best.metric:.4g}, {best.gain:+.4g} (at least {best.gain_low:+.4g}) over version "
        f"{serving} that serves"
    )
