"""Whether live performance is degraded, as a pure function of what was counted and measured.

    labels         interval          bound            status
    120 of 500     any               any              NOT_COMPARED   too few
    900 of 2,000   any               any              NOT_COMPARED   fewer than half have a label
    900 of 1,000   any               any              NOT_COMPARED   20 without a prediction
    900 of 1,000   0.61 to 0.66      0.68             DEGRADED       the whole interval is below
    900 of 1,000   0.61 to 0.69      0.68             OK             chance may explain it
    900 of 1,000   0.61 to 0.69      no evaluation    NOT_COMPARED   nothing to compare with

The bound is the evaluation's area less what it may drop, and never below the least area that is
asked for in any case. An evaluation of few rows is no more certain than a window of few: the bound
is lowered by so much that the interval of the difference of both, at the same confidence, decides.
Where the version has no evaluation the least area can still show that it is degraded; that it is
fine is then not known.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping
from typing import Any, Final

from components.performance_validator.area import Area

OK: Final = "OK"
DEGRADED: Final = "DEGRADED"
NOT_COMPARED: Final = "NOT_COMPARED"

# With fewer rows of a class the interval, which is a normal one, is not to be relied on.
MIN_OF_EACH_CLASS: Final = 10

# Share of the labelled rows that may be without a usable prediction. What a model fails on is of a
# kind, so the area of the others says little when it is more.
MAX_UNUSABLE: Final = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the version's own evaluation measured.

    Attributes:
        area: Under the ROC curve.
        error: Its standard error; 0 where that is not known.
    """

    area: float
    error: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """What live performance is held to.

    Attributes:
        min_labels: With fewer labelled rows nothing is said.
        min_labelled_share: Share of the served rows whose label has to be known.
        max_auc_drop: How far the area under the ROC curve may lie below the evaluation's.
        min_auc: What the area must reach in any case.
        confidence: Of the intervals, two-sided.

    Raises:
        ValueError: A value is out of range.
    """

    min_labels: int = 500
    min_labelled_share: float = 0.5
    max_auc_drop: float = 0.02
    min_auc: float = 0.5
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.min_labels < 1:
            raise ValueError(f"min_labels: expected 1 or more, received {self.min_labels}")
        for name in ("min_labelled_share", "max_auc_drop", "min_auc"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: expected a number from 0 to 1, received {value!r}")
        if not 0 < self.confidence < 1:
            raise ValueError(
                f"confidence: expected a number between 0 and 1, received {self.confidence!r}"
            )

    @classmethod
    def of(cls, fields: Mapping[str, Any] | str) -> Terms:
        """Returns terms of the fields of a pipeline's `FeedbackConfig`, by name, or of their JSON.

        What is about other things, such as the delay of labels, is passed over.

        Raises:
            ValueError: A value is out of range.
        """
        given = json.loads(fields) if isinstance(fields, str) else fields
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: given[name] for name in names if name in given})

    def bound(self, baseline: Baseline | None, reach: float) -> float:
        """Returns what the upper end of the area's interval must reach.

        Args:
            baseline: Of the evaluation; None where there is none.
            reach: From the area to the upper end of its interval.
        """
        if baseline is None:
            return self.min_auc
        # Errors of two independent samples add as squares.
        both = math.hypot(reach, self._quantile * baseline.error)
        return max(self.min_auc, baseline.area - self.max_auc_drop - (both - reach))

    @property
    def _quantile(self) -> float:
        return statistics.NormalDist().inv_cdf((1 + self.confidence) / 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """How many rows there are.

    Attributes:
        served: Rows that were answered.
        labelled: Of these, rows whose label is known.
        positives: Of the rows that count, those whose label is 1.
        unusable: Rows beside them whose label is known, and whose prediction is none from 0 to 1.
        entities: Entities that the labelled rows are about, of which one row each counts; None
            where they are not known, and every row counts.
    """

    served: int
    labelled: int
    positives: int
    unusable: int = 0
    entities: int | None = None

    @property
    def counted(self) -> int:
        """Rows that count."""
        return self.labelled if self.entities is None else self.entities

    @property
    def rarest(self) -> int:
        """Of the rows that count, those of the rarer class."""
        return min(self.positives, self.counted - self.positives)

    @property
    def repeated(self) -> str:
        """Says that rows were passed over; empty where every row counts."""
        if self.counted == self.labelled:
            return ""
        return f", by the first answer about each of {self.counted:,} entities"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What follows.

    Attributes:
        status: OK, DEGRADED or NOT_COMPARED; only the first blesses.
        reason: In one plain sentence.
        bound: What the area has to reach; None where it was not looked at.
    """

    status: str
    reason: str
    bound: float | None = None


def judge(
    sample: Sample, area: Area | None, *, baseline: Baseline | None, terms: Terms
) -> Judgement:
    """Decides on one version in one window.

    Args:
        sample: How many rows there are.
        area: Of the rows that are labelled; None where it cannot be told.
        baseline: Of the version's own evaluation; None where there is none.
        terms: What it is held to.
    """
    lacking = _lacking(sample, terms)
    if lacking or area is None:
        return Judgement(status=NOT_COMPARED, reason=lacking or "expected an area, received none")
    bound = terms.bound(baseline, area.high - area.value)
    measured = f"{area.value:.4f} ({area.low:.4f} to {area.high:.4f}){sample.repeated}"
    if area.high < bound:
        held = _held(bound, baseline, terms)
        return Judgement(
            status=DEGRADED, reason=f"expected at least {held}, received {measured}", bound=bound
        )
    if baseline is None:
        return Judgement(
            status=NOT_COMPARED,
            reason=f"expected an evaluation of this version to compare with, received none; "
            f"{measured} is not surely below {bound:.4f}, the least that is asked for",
            bound=bound,
        )
    return Judgement(
        status=OK,
        reason=f"{measured} is not surely below {_held(bound, baseline, terms)}",
        bound=bound,
    )


def _lacking(sample: Sample, terms: Terms) -> str:
    with_label = sample.labelled + sample.unusable
    if sample.unusable > MAX_UNUSABLE * with_label:
        return (
            f"expected a prediction from 0 to 1 for all but {MAX_UNUSABLE:.0%} of the labelled "
            f"rows, received none for {sample.unusable / with_label:.1%} ({sample.unusable:,} of "
            f"{with_label:,})"
        )
    if sample.labelled < terms.min_labels:
        return (
            f"expected at least {terms.min_labels:,} rows with a label, received "
            f"{sample.labelled:,} of {sample.served:,}"
        )
    if sample.counted < terms.min_labels:
        return (
            f"expected labels of at least {terms.min_labels:,} entities, received those of "
            f"{sample.counted:,}, which {sample.labelled:,} rows are about"
        )
    if sample.labelled < terms.min_labelled_share * sample.served:
        return (
            f"expected labels for {terms.min_labelled_share:.0%} of the served rows, received them "
            f"for {sample.labelled / sample.served:.1%} ({sample.labelled:,} of "
            f"{sample.served:,}); those that come early may be of a kind"
        )
    if sample.rarest < MIN_OF_EACH_CLASS:
        return (
            f"expected at least {MIN_OF_EACH_CLASS} rows of each class, received "
            f"{sample.positives:,} with 1 and {sample.counted - sample.positives:,} with 0"
            f"{sample.repeated}"
        )
    return ""


def _held(bound: float, baseline: Baseline | None, terms: Terms) -> str:
    if baseline is None or bound == terms.min_auc:
        return f"{bound:.4f}, which is asked for in any case"
    slack = baseline.area - terms.max_auc_drop - bound
    unsure = f" and {slack:.4f} for its own error" if round(slack, 4) else ""
    return f"{bound:.4f}, the evaluation's {baseline.area:.4f} less {terms.max_auc_drop:g}{unsure}"
