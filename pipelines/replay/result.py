"""What a replay says in the end: a value, its JSON, and its tables as text.

The picture is left to `picture`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pipelines.replay import scores
from pipelines.replay.days import DAY_SEC, week_of
from pipelines.replay.departures import Departures
from pipelines.replay.driver import BadPush
from pipelines.replay.outcome import Outcome, RolledOut, Training
from pipelines.replay.scores import Difference, Scores
from pipelines.replay.traffic import Answers

LOOP, NEVER, WEEKLY = "loop", "never", "weekly"
MODELS = (LOOP, NEVER, WEEKLY)
_WEEKS_OF_A_LINE = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Week:
    """A week of departures.

    Attributes:
        span: Its number.
        rows: How many were asked about.
        late_share: Of them, which arrived late.
        scores: By model; those that were not compared are absent.
        answered: How many each version answered.
    """

    span: int
    rows: int
    late_share: float
    scores: dict[str, Scores]
    answered: dict[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """All that a replay came to.

    Attributes:
        weeks: By number.
        outcome: As ML Metadata tells it.
        differences: Of mean weekly AUC, by what is compared.
        bad_push: What was pushed by hand; None where nothing was.
        bad_answers: How many departures the bad model answered.
        asked: Departures that were asked about.
        asked_again: Of them, those that were asked about twice, as a server was killed.
        kills: Processes that were killed, by name.
        wall_sec: How long it took.
    """

    weeks: tuple[Week, ...]
    outcome: Outcome
    differences: dict[str, Difference]
    bad_push: BadPush | None
    bad_answers: int
    asked: int
    asked_again: int
    kills: dict[str, int]
    wall_sec: float

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; NaN becomes null."""
        found: dict[str, Any] = _plain(dataclasses.asdict(self))
        return found

    @property
    def retrained_in(self) -> tuple[int, ...]:
        """The weeks in which the loop trained."""
        return tuple(week_of(run.started_sec) for run in self.outcome.retrainings)


def weeks(
    departures: Departures, answers: Answers, compared: dict[str, np.ndarray]
) -> tuple[Week, ...]:
    """Returns every week that was asked about.

    Args:
        departures: All of them.
        answers: Of the server.
        compared: Predictions of other models, by name.
    """
    late, predictions = departures.late, {LOOP: answers.prediction, **compared}
    found = []
    for span in np.unique(departures.span[~np.isnan(answers.prediction)]):
        rows = (departures.span == span) & ~np.isnan(answers.prediction)
        versions, counts = np.unique(answers.version[rows], return_counts=True)
        found.append(
            Week(
                span=int(span),
                rows=int(rows.sum()),
                late_share=float(late[rows].mean()),
                scores={
                    name: scores.scores(late[rows], values[rows])
                    for name, values in predictions.items()
                },
                answered=dict(zip(versions.tolist(), counts.tolist(), strict=True)),
            )
        )
    return tuple(found)


def differences(found: Sequence[Week], seed: int) -> dict[str, Difference]:
    """Returns how far the loop's weekly AUC lies above that of the others, in the mean of weeks."""
    return {
        name: scores.mean_difference(
            [week.scores[LOOP].auc for week in found],
            [week.scores[name].auc for week in found],
            seed,
        )
        for name in (WEEKLY, NEVER)
        if all(name in week.scores for week in found)
    }


def table(result: Result) -> str:
    """Returns a line for every four weeks, as Markdown."""
    models = [name for name in MODELS if result.weeks and name in result.weeks[0].scores]
    head = ["weeks", "departures", *(f"AUC {name}" for name in models)]
    head += [*(f"calibration {name}" for name in models), "what the loop did"]
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row(_line(part, models, result)) for part in _parts(result.weeks)]
    lines.append(_row(_line(result.weeks, models, result, label="mean, all")))
    return "\n".join(lines) + "\n"


def summary(result: Result) -> str:
    """Returns what happened, in sentences."""
    return "\n".join([*_trained(result), *_rolled(result), *_compared(result), *_counted(result)])


def _parts(found: Sequence[Week]) -> Iterator[Sequence[Week]]:
    for start in range(0, len(found), _WEEKS_OF_A_LINE):
        yield found[start : start + _WEEKS_OF_A_LINE]


def _line(
    part: Sequence[Week], models: Sequence[str], result: Result, label: str = ""
) -> list[str]:
    first, last = part[0].span, part[-1].span
    cells = [label or (f"{first} to {last}" if first != last else str(first))]
    cells.append(f"{sum(week.rows for week in part):,}")
    cells += [f"{_mean(week.scores[name].auc for week in part):.3f}" for name in models]
    cells += [f"{_mean(week.scores[name].calibration for week in part):.2f}" for name in models]
    cells.append("" if label else "; ".join(_events(result, first, last)))
    return cells


def _events(result: Result, first: int, last: int) -> Iterator[str]:
    trained = [
        f"{week} ({run.trigger})"
        for run, week in zip(result.outcome.retrainings, result.retrained_in, strict=True)
        if first <= week <= last
    ]
    if trained:
        yield f"trained in week {', '.join(trained)}"
    for one in result.outcome.rollouts:
        if one.outcome == "rolled back" and first <= week_of(one.opened_sec) <= last:
            bad = result.bad_push is not None and one.candidate == result.bad_push.version
            yield f"rolled back {'the bad model' if bad else one.candidate}"


def _trained(result: Result) -> Iterator[str]:
    runs = result.outcome.retrainings
    yield f"The loop trained {len(runs)} times in {len(result.weeks)} weeks:"
    for run in runs:
        yield f"  {_date(run.started_sec)}  {run.state.lower():9} {_short(run)}"


def _short(run: Training) -> str:
    return f"{run.trigger}: {run.because}" if run.because else run.trigger


def _rolled(result: Result) -> Iterator[str]:
    rollouts = result.outcome.rollouts
    yield f"Rollouts: {len(rollouts)}"
    for one in rollouts:
        steps = " → ".join(f"{share:.0%}" for share in one.steps)
        yield f"  {_date(one.opened_sec)}  {one.candidate}: {steps or 'no step'}, {_ended(one)}"
    bad = _bad(result)
    if bad is not None:
        yield _told(bad, result.bad_answers)


def _ended(one: RolledOut) -> str:
    if one.ended_sec is None:
        return one.outcome
    days = (one.ended_sec - one.opened_sec) / DAY_SEC
    why = f" ({one.because})" if one.outcome == "rolled back" else ""
    return f"{one.outcome} after {days:.1f} days{why}"


def _bad(result: Result) -> RolledOut | None:
    if result.bad_push is None:
        return None
    version = result.bad_push.version
    return next((one for one in result.outcome.rollouts if one.candidate == version), None)


def _told(bad: RolledOut, answers: int) -> str:
    times = ""
    if bad.rollback_sec is not None:
        times = f"; from its first answer to the rollback {bad.rollback_sec / 3600:.1f} h"
        if bad.rollback_wall_sec is not None:
            times += f" of the simulated clock, {bad.rollback_wall_sec:.2f} s of the server's"
    return f"The bad model, pushed by hand: {bad.outcome}, answered {answers} departures{times}."


def _compared(result: Result) -> Iterator[str]:
    names = {WEEKLY: "trained every week", NEVER: "never trained again"}
    for name, found in result.differences.items():
        yield (
            f"Mean weekly AUC, loop less {names[name]}: {found.mean:+.4f} "
            f"(95 %: {found.low:+.4f} to {found.high:+.4f}; {found.pairs} weeks)"
        )


def _counted(result: Result) -> Iterator[str]:
    labels = result.outcome.labels
    yield (
        f"Labels: {labels.delivered:,} delivered; in {labels.windows} joined windows "
        f"{labels.matched:,} of {labels.served:,} served rows matched, {labels.late} late, "
        f"{labels.contradictory} contradictory"
    )
    killed = ", ".join(f"{name} {count} times" for name, count in result.kills.items() if count)
    if killed:
        yield f"Killed: {killed}; {result.asked_again} departures were asked about again"
    yield f"{result.asked:,} departures in {result.wall_sec / 60:.1f} minutes"


def _date(at_sec: float) -> str:
    return str(datetime.datetime.fromtimestamp(at_sec, datetime.UTC).date())


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
