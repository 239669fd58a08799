"""Makes findings of what was counted and measured. Pure.

Verdicts are about all rows of a version. Its slices and its arms of a rollout are reported beside,
with intervals, and decide nothing: among twenty slices one falls below its baseline by chance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from components.performance_validator.area import Area, area_of
from components.performance_validator.findings import (
    AUC,
    OVERALL,
    Finding,
    Findings,
    cause_of,
    rank,
    status_of,
)
from components.performance_validator.scored import Scored
from components.performance_validator.slices import Key, Slices, Spec, name_of
from components.performance_validator.verdict import (
    MIN_OF_EACH_CLASS,
    Baseline,
    Sample,
    Terms,
    judge,
)
from components.prediction_log_example_gen import keys as log
from components.roc.hanley_mcneil import standard_error

# TFMA's area is that of 10,000 thresholds. Where predictions are crowded it is another.
_AREAS_AGREE = 0.002

_EXAMPLE_COUNT = "example_count"  # as TFMA names it

Numbers = Mapping[str, float]  # of a slice, by metric


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        terms: What performance is held to.
        title: What is looked at.
        period: From when to when rows were served.
        served: Rows that were answered, by version and arm.
        counts: What became of served rows and labels.
        baselines: By version, what its evaluation measured by slice and metric.
    """

    terms: Terms
    title: str = "Live performance"
    period: str = ""
    served: Mapping[tuple[str, str], int]
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, Numbers]] = dataclasses.field(default_factory=dict)


def specs(slices: Sequence[Spec]) -> tuple[Spec, ...]:
    """Returns the slices to make: those of Evaluator for each version, and each version's arms.

    Args:
        slices: Evaluator's.
    """
    by_version = [
        dataclasses.replace(one, columns=(log.MODEL_VERSION, *one.columns))
        for one in (Spec(), *slices)
    ]
    return tuple(_unique([*by_version, Spec(columns=(log.MODEL_VERSION, log.ARM))]))


def findings_of(
    scored: Scored, slices: Slices, metrics: Mapping[Key, Numbers], question: Question
) -> Findings:
    """Returns all that was found.

    Args:
        scored: Rows with label and prediction.
        slices: They, cut by `specs`.
        metrics: Of each slice, as TFMA computes them.
        question: What is asked.
    """
    found = list(_measured(scored, slices, metrics, question))
    known = {version for version, _ in question.served} | set(scored.unusable)
    for version in sorted(known - {one.version for one in found}):
        sample = _sample(scored, 0, np.empty(0), version, question)
        found.append(_judged(version, sample, None, {}, question))
    ranked = rank(found)
    status = status_of(ranked)
    return Findings(
        title=question.title,
        status=status,
        cause=cause_of(ranked, status),
        findings=ranked,
        period=question.period,
        confidence=question.terms.confidence,
        counts=dict(question.counts),
        notes=tuple(_notes(scored, ranked)),
    )


def _measured(
    scored: Scored, slices: Slices, metrics: Mapping[Key, Numbers], question: Question
) -> Iterator[Finding]:
    for key in slices.cells:
        rows = slices.rows(key)
        counted = rows if scored.first is None else rows & scored.first
        number = int(rows.sum())
        labels = scored.labels[counted]
        columns = dict(key)
        version, arm = str(columns[log.MODEL_VERSION]), str(columns.get(log.ARM, ""))
        sample = _sample(scored, number, labels, version, question)
        area = None
        if sample.rarest >= MIN_OF_EACH_CLASS:
            area = area_of(
                labels, scored.predictions[counted], confidence=question.terms.confidence
            )
        numbers = metrics[key]
        if area is not None and labels.size < number:
            # TFMA's is of all rows.
            numbers = {**numbers, AUC: area.value}
        if set(columns) == {log.MODEL_VERSION}:
            yield _judged(version, sample, area, numbers, question)
            yield from _others(version, "", number, numbers, question)
            continue
        name = name_of(key, without=(log.MODEL_VERSION, log.ARM))
        yield Finding(
            version=version,
            slice=name,
            arm=arm,
            value=_finite(numbers.get(AUC, area.value if area else None)),
            interval=_interval(area),
            baseline=_baseline(question, version, name, AUC),
            rows=number,
            served=question.served.get((version, arm), 0) if arm else None,
        )
        if arm:
            yield from _others(version, arm, number, numbers, question)


def _sample(
    scored: Scored, rows: int, labels: np.ndarray, version: str, question: Question
) -> Sample:
    return Sample(
        served=_served(question, version),
        labelled=rows,
        entities=None if scored.first is None else labels.size,
        positives=int(labels.sum()),
        unusable=scored.unusable.get(version, 0),
    )


def _judged(
    version: str,
    sample: Sample,
    area: Area | None,
    numbers: Numbers,
    question: Question,
) -> Finding:
    baseline = _evaluated(question, version, sample)
    judged = judge(sample, area, baseline=baseline, terms=question.terms)
    return Finding(
        version=version,
        value=_finite(numbers.get(AUC, area.value if area else None)),
        interval=_interval(area),
        bound=judged.bound,
        baseline=None if baseline is None else baseline.area,
        status=judged.status,
        reason=judged.reason,
        rows=sample.labelled,
        served=sample.served,
    )


def _others(
    version: str, arm: str, rows: int, numbers: Numbers, question: Question
) -> Iterator[Finding]:
    for metric, value in sorted(numbers.items()):
        if metric != AUC:
            yield Finding(
                version=version,
                arm=arm,
                metric=metric,
                value=_finite(value),
                baseline=_baseline(question, version, OVERALL, metric),
                rows=rows,
            )


def _served(question: Question, version: str) -> int:
    return sum(count for (one, _), count in question.served.items() if one == version)


def _baseline(question: Question, version: str, slice_: str, metric: str) -> float | None:
    return _finite(question.baselines.get(version, {}).get(slice_, {}).get(metric))


def _evaluated(question: Question, version: str, sample: Sample) -> Baseline | None:
    """Returns what the version's evaluation says on all rows.

    It counts rows, not classes; so the share of labels that are 1 is taken to be today's.
    """
    area = _baseline(question, version, OVERALL, AUC)
    if area is None:
        return None
    rows = int(_baseline(question, version, OVERALL, _EXAMPLE_COUNT) or 0)
    share = sample.positives / sample.counted if sample.counted else 0.0
    positives = round(share * rows)
    if not 0 < positives < rows:
        return Baseline(area=area)
    return Baseline(area=area, error=standard_error(area, positives, rows - positives))


def _interval(area: Area | None) -> tuple[float, float] | None:
    return None if area is None else (area.low, area.high)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _notes(scored: Scored, found: Sequence[Finding]) -> Iterator[str]:
    if scored.unlabelled:
        yield f"Of {scored.unlabelled:,} rows the label could not be told from what was delivered."
    if scored.unusable:
        unusable = sum(scored.unusable.values())
        yield f"{unusable:,} rows have no prediction from 0 to 1, and are left out."
    if scored.first is not None and not scored.first.all():
        repeated = int(np.count_nonzero(~scored.first))
        yield (
            f"{repeated:,} of {scored.labels.size:,} labelled rows are about entities that the "
            "same version had been asked about before. They don't count for the areas, and do for "
            "the other metrics."
        )
    apart = [one for one in found if _is_apart(one)]
    if apart:
        yield (
            f"On {len(apart)} slices, such as {apart[0].slice} of version {apart[0].version}, "
            "TFMA's area lies outside of the exact one's interval, which decides: predictions are "
            "closer together than TFMA's thresholds."
        )


def _is_apart(one: Finding) -> bool:
    if one.metric != AUC or one.value is None or one.interval is None:
        return False
    low, high = one.interval
    return not low - _AREAS_AGREE <= one.value <= high + _AREAS_AGREE


def _unique(given: Sequence[Spec]) -> list[Spec]:
    found: list[Spec] = []
    for one in given:
        if one not in found:
            found.append(one)
    return found
