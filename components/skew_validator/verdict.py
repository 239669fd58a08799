"""What a check of skew says: of one comparison, of a feature, of all.

    a comparison  ALARM where chance does not explain the distance and it is above its floor, even
                  if rows are few; else NOT_COMPARED where rows are too few for silence to mean
                  anything; else OK
    a feature     ALARM if any comparison alarms; else NOT_COMPARED if any could not be made
    all           ALARM if any feature alarms; else NOT_COMPARED if any feature that is needed could
                  not be compared, or none was compared; else OK

Only OK blesses.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable

from components.skew_validator import distances
from components.skew_validator.calibration import Calibration


class Status(enum.Enum):
    """How a comparison ended."""

    OK = "OK"
    ALARM = "ALARM"
    NOT_COMPARED = "NOT_COMPARED"


class Reason(enum.Enum):
    """Why something could not be compared."""

    NO_BASELINE = "no baseline"
    NO_ROWS = "no rows"
    ABSENT_IN_TRAINING = "absent in training"
    ABSENT_IN_SERVING = "absent in serving"
    KINDS_DIFFER = "kinds differ"
    NO_VALUES = "no values"
    TOO_FEW_ROWS = "too few rows"


@dataclasses.dataclass(frozen=True)
class NotCompared:
    """Why something could not be compared.

    Attributes:
        reason: The kind of reason.
        detail: What was expected and received.
    """

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """One feature measured by one distance.

    Attributes:
        distance: Its name.
        status: How it ended.
        training: Values, or rows, on the side of training.
        serving: Likewise of serving.
        calibration: What was measured; None where nothing could be.
        floor: What the distance must exceed to alarm.
        not_compared: Why it was not compared; None where it was.
    """

    distance: str
    status: Status
    training: int
    serving: int
    calibration: Calibration | None = None
    floor: float = 0.0
    not_compared: NotCompared | None = None

    @property
    def severity(self) -> float:
        """How far beyond its bound the distance is; 1 at the bound, 0 where there is none.

        Divergences grow with the square of a change, so the root of theirs is taken. It ranks
        features for a reader; nothing is decided by it.
        """
        if self.calibration is None or self.calibration.value == 0:
            return 0.0
        if math.isnan(self.calibration.threshold):
            return 0.0
        bound = max(self.calibration.threshold, self.floor)
        ratio = self.calibration.value / bound if bound > 0 else math.inf
        return math.sqrt(ratio) if distances.get(self.distance).quadratic else ratio


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureVerdict:
    """What is said of one feature.

    Attributes:
        feature: Its name.
        comparisons: One for each distance; none where the feature as a whole was not compared.
        not_compared: Why it was not compared as a whole; None where it was.
        optional: Whether it may stay uncompared.
    """

    feature: str
    comparisons: tuple[Comparison, ...] = ()
    not_compared: NotCompared | None = None
    optional: bool = False

    @property
    def status(self) -> Status:
        """ALARM before NOT_COMPARED before OK."""
        found = {comparison.status for comparison in self.comparisons}
        if Status.ALARM in found:
            return Status.ALARM
        if self.not_compared or Status.NOT_COMPARED in found or not found:
            return Status.NOT_COMPARED
        return Status.OK

    @property
    def severity(self) -> float:
        """The largest of its comparisons that alarm, or else of all."""
        alarms = [one for one in self.comparisons if one.status is Status.ALARM]
        return max((one.severity for one in alarms or self.comparisons), default=0.0)

    @property
    def reasons(self) -> tuple[NotCompared, ...]:
        """Why it, or a part of it, was not compared."""
        parts = (comparison.not_compared for comparison in self.comparisons)
        return tuple(reason for reason in (self.not_compared, *parts) if reason)


_RANKS = {Status.ALARM: 0, Status.NOT_COMPARED: 1, Status.OK: 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said of all features.

    Attributes:
        features: What is said of each, alarms first, by severity.
        not_compared: Why nothing could be compared at all; None otherwise.
        alpha: The largest p-value of one comparison that is an alarm.
    """

    features: tuple[FeatureVerdict, ...]
    not_compared: NotCompared | None = None
    alpha: float

    @property
    def status(self) -> Status:
        """ALARM before NOT_COMPARED before OK."""
        found = {feature.status for feature in self.features}
        if Status.ALARM in found:
            return Status.ALARM
        lacking = any(
            feature.status is Status.NOT_COMPARED and not feature.optional
            for feature in self.features
        )
        if self.not_compared or lacking or Status.OK not in found:
            return Status.NOT_COMPARED
        return Status.OK

    @property
    def blessed(self) -> bool:
        """Whether everything needed was compared and nothing alarmed."""
        return self.status is Status.OK


def rank(features: Iterable[FeatureVerdict]) -> tuple[FeatureVerdict, ...]:
    """Returns alarms first, then what was not compared, then the rest, each by severity."""
    return tuple(sorted(features, key=lambda one: (_RANKS[one.status], -one.severity, one.feature)))


def judge(
    calibration: Calibration, *, floor: float, smallest_shift: float, asked_shift: float
) -> tuple[Status, NotCompared | None]:
    """Returns how a comparison ends, and why where it was not compared.

    Args:
        calibration: What was measured.
        floor: What the distance must exceed to alarm.
        smallest_shift: The smallest change that samples of these sizes can show.
        asked_shift: The change that has to be found.
    """
    if calibration.significant and calibration.value > floor:
        return Status.ALARM, None
    if smallest_shift > asked_shift:
        return Status.NOT_COMPARED, NotCompared(
            Reason.TOO_FEW_ROWS,
            f"expected enough rows to find a share that changes by {asked_shift:g}, received so "
            f"few that only {smallest_shift:.2g} would be found. Take a longer window.",
        )
    return Status.OK, None
