"""Tables and sentences of a result, from values made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.replay import picture, result
from pipelines.replay.days import BEGINS_SEC, DAY_SEC, Day
from pipelines.replay.departures import Departures
from pipelines.replay.driver import BadPush
from pipelines.replay.outcome import Labels, Outcome, RolledOut, Training
from pipelines.replay.result import LOOP, NEVER, WEEKLY, Result
from pipelines.replay.traffic import Answers

BAD = 30


def _departures() -> Departures:
    """Ten departures on each of the first 14 days; every other one is late."""
    ids = [f"2013-01-{day + 1:02}-UA-{row}-EWR".encode() for day in range(14) for row in range(10)]
    table = pa.table(
        {
            "flight_id": pa.array(ids, pa.binary()),
            "scheduled_at": [
                BEGINS_SEC + day * DAY_SEC + row for day in range(14) for row in range(10)
            ],
            "arr_delay": [40 if row % 2 else 0 for row in range(140)],
        }
    )
    return Departures.of_table(table)


def _answers(departures: Departures) -> Answers:
    answers = Answers.empty(len(departures))
    second = departures.day >= 7
    # In the second week all is right, in the first the predictions say nothing.
    answers.prediction[:] = np.where(second, np.where(departures.late > 0, 0.75, 0.25), 0.5)
    answers.version[:] = np.where(second, 20, 10)
    answers.version[-3:] = BAD
    return answers


@pytest.fixture
def found() -> Result:
    departures = _departures()
    answers = _answers(departures)
    half = np.full(len(departures), 0.5)
    weeks = result.weeks(departures, answers, {NEVER: half, WEEKLY: answers.prediction})
    runs = (
        Training(
            run_id="a", state="BLESSED", trigger="on demand", because="", decision="",
            started_sec=BEGINS_SEC, last_span=0, version=10,
        ),
        Training(
            run_id="b", state="BLESSED", trigger="drift", because="drift alarm on weather_temp",
            decision="d1", started_sec=BEGINS_SEC + 8 * DAY_SEC, last_span=1, version=20,
        ),
    )  # fmt: skip
    rollouts = (
        RolledOut(
            id="flights-20", candidate=20, stable=10, origin="push", outcome="promoted", because="",
            opened_sec=BEGINS_SEC + 8 * DAY_SEC, ended_sec=BEGINS_SEC + 11 * DAY_SEC,
            steps=(0.25, 1.0),
        ),
        RolledOut(
            id="flights-30", candidate=BAD, stable=20, origin="hand", outcome="rolled back",
            because="a guard is broken: prediction_drift", opened_sec=BEGINS_SEC + 12 * DAY_SEC,
            ended_sec=BEGINS_SEC + 12.5 * DAY_SEC, steps=(0.25,),
            first_candidate_sec=BEGINS_SEC + 12.2 * DAY_SEC, rollback_sec=7200.0,
            rollback_wall_sec=0.25,
        ),
    )  # fmt: skip
    return Result(
        weeks=weeks,
        outcome=Outcome(
            trainings=runs,
            decisions=("d1",),
            rollouts=rollouts,
            alerts=(),
            labels=Labels(delivered=140, windows=2, served=140, matched=140),
        ),
        differences=result.differences(weeks, seed=0),
        bad_push=BadPush(version=BAD, day=Day(11)),
        bad_answers=3,
        asked=140,
        asked_again=0,
        kills={"watch": 2, "server": 0},
        wall_sec=90.0,
    )


def test_weeks_have_their_scores_and_versions(found: Result) -> None:
    first, second = found.weeks
    assert (first.span, first.rows, first.late_share) == (1, 70, 0.5)
    assert (first.scores[LOOP].auc, second.scores[LOOP].auc) == (0.5, 1.0)
    assert second.scores[NEVER].auc == 0.5
    assert second.scores[LOOP].calibration == pytest.approx(1.0)
    assert second.answered == {20: 67, BAD: 3}


def test_weeks_that_nobody_asked_about_are_left_out() -> None:
    departures = _departures()
    answers = _answers(departures)
    answers.prediction[departures.day < 7] = np.nan
    assert [week.span for week in result.weeks(departures, answers, {})] == [2]


def test_differences_are_of_weekly_means(found: Result) -> None:
    assert found.differences[WEEKLY].mean == 0.0
    assert found.differences[NEVER].mean == pytest.approx(0.25)
    assert found.differences[NEVER].pairs == 2


def test_the_first_run_is_no_retraining(found: Result) -> None:
    assert [run.run_id for run in found.outcome.retrainings] == ["b"]
    assert found.retrained_in == (2,)


def test_the_table_has_a_line_for_four_weeks_and_one_for_all(found: Result) -> None:
    lines = result.table(found).splitlines()
    assert lines[2] == (
        "| 1 to 2 | 140 | 0.750 | 0.500 | 0.750 | 1.00 | 1.00 | 1.00 "
        "| trained in week 2 (drift); rolled back the bad model |"
    )
    assert lines[3].startswith("| mean, all | 140 | 0.750 |")
    assert len(lines) == 4


def test_the_summary_tells_why_and_what_was_rolled_back(found: Result) -> None:
    text = result.summary(found)
    assert "The loop trained 1 times in 2 weeks" in text
    assert "2013-01-09  blessed   drift: drift alarm on weather_temp" in text
    assert "20: 25% → 100%, promoted after 3.0 days" in text
    assert "answered 3 departures; from its first answer to the rollback 2.0 h" in text
    assert "0.25 s of the server's" in text
    assert "140 of 140 served rows matched" in text
    assert "Killed: watch 2 times" in text


def test_json_holds_all_and_no_nan(found: Result) -> None:
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["weeks"][1]["scores"]["never"]["auc"] == 0.5


def test_it_can_be_drawn(found: Result, tmp_path: Path) -> None:
    picture.draw(found, tmp_path / "replay.svg")
    text = (tmp_path / "replay.svg").read_text()
    assert text.lstrip().startswith("<?xml")
