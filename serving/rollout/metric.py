"""A number for each labelled prediction, and what is kept of many: how many, mean and spread.

A metric is either a proportion, whose values are 0 and 1 (the prediction was right, the user bought
something), or a mean of any numbers (a squared error, a revenue). Metrics that are not means of
single predictions, such as AUC, are not for here.

Source of adding and merging: Chan, Golub and LeVeque 1983, Am. Stat. 37(3).
"""

from __future__ import annotations

import dataclasses
import enum
import math

from serving.rollout.errors import RolloutError
from serving.rollout.evidence import Count
from serving.rollout.json_fields import Fields

_ROUNDING = 1e-6


class MetricKind(enum.Enum):
    """What the values of a metric are."""

    PROPORTION = "proportion"
    MEAN = "mean"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """What is known of the values of a metric.

    Attributes:
        name: What the values are reported under.
        kind: Proportion or mean.
        higher_is_better: Which way is good.
        smallest_effect: The difference of means that matters, above 0.

    Raises:
        RolloutError: A name is missing, or the effect is not above 0.
    """

    name: str
    kind: MetricKind = MetricKind.PROPORTION
    higher_is_better: bool = True
    smallest_effect: float = 0.01

    def __post_init__(self) -> None:
        if not self.name or not 0 < self.smallest_effect < math.inf:
            raise RolloutError(
                "metric: expected a name and a smallest_effect above 0, received "
                f"{self.name!r} and {self.smallest_effect:g}."
            )

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON has it."""
        return dataclasses.asdict(self) | {"kind": self.kind.value}

    @classmethod
    def from_json(cls, found: object, where: str) -> Metric:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: A field is missing, unknown or not valid.
        """
        fields = Fields(found, where)
        kind = fields.chosen("kind", [one.value for one in MetricKind], "proportion")
        metric = cls(
            name=fields.text("name"),
            kind=MetricKind(kind),
            higher_is_better=fields.truth("higher_is_better", True),
            smallest_effect=fields.number("smallest_effect", 0.01),
        )
        fields.done()
        return metric


@dataclasses.dataclass(frozen=True)
class Moments:
    """What is kept of a metric's values.

    Attributes:
        count: How many there were.
        mean: Their mean; 0 if there were none.
        squares: Sum of squared distances from the mean.

    Raises:
        RolloutError: There are fewer than none, or numbers that are not finite.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def __post_init__(self) -> None:
        finite = math.isfinite(self.mean) and math.isfinite(self.squares)
        if self.count < 0 or not finite or self.squares < 0:
            raise RolloutError(
                "metric values: expected finite numbers, received "
                f"{self.count} with mean {self.mean:g} and squares {self.squares:g}."
            )

    def with_value(self, value: float) -> Moments:
        """Returns them with one more."""
        return self.merged(Moments(1, value, 0.0))

    def merged(self, other: Moments) -> Moments:
        """Returns the moments of both sets of values."""
        count = self.count + other.count
        if not count:
            return self
        apart = other.mean - self.mean
        mean = self.mean + apart * other.count / count
        between = apart * apart * self.count * other.count / count
        return Moments(count, mean, self.squares + other.squares + between)

    @property
    def variance(self) -> float:
        """The unbiased estimate; 0 of fewer than two values."""
        return self.squares / (self.count - 1) if self.count > 1 else 0.0

    def as_count(self, name: str) -> Count:
        """Returns the values of a proportion: how many were 1.

        Raises:
            RolloutError: There were others than 0 and 1.
        """
        # Of values 0 and 1 the squares follow from the mean, of no others.
        if abs(self.squares - self.count * self.mean * (1 - self.mean)) > _ROUNDING * (
            1 + self.count
        ):
            raise RolloutError(
                f"metric {name}: expected values 0 and 1, as it is a proportion, received others. "
                'Report 0 and 1, or declare it with "kind": "mean".'
            )
        return Count(min(max(round(self.mean * self.count), 0), self.count), self.count)

    def to_json(self) -> dict[str, object]:
        """Returns them as JSON has them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, found: object, where: str) -> Moments:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: A field is missing, unknown or not valid.
        """
        fields = Fields(found, where)
        moments = cls(
            fields.whole("count"), fields.number("mean"), fields.number("squares", least=0.0)
        )
        fields.done()
        return moments
