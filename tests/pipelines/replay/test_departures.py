"""Departures as they are sent, against those that are trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.replay.days import BEGINS_SEC, DAY_SEC, Day
from pipelines.replay.departures import Departures, span_file, thinned
from serving.wire.messages import Example


def test_thinning_keeps_every_twentieth_of_the_whole_year(tmp_path: Path) -> None:
    rows = [f"{number}\n" for number in range(10)]
    for span, part in ((1, rows[:3]), (2, rows[3:7]), (3, rows[7:])):
        path = span_file(tmp_path / "all", span)
        path.parent.mkdir(parents=True)
        path.write_text("n\n" + "".join(part))
    thinned(tmp_path / "all", tmp_path / "few", 4)
    kept = [span_file(tmp_path / "few", span).read_text() for span in (1, 2, 3)]
    assert kept == ["n\n0\n", "n\n4\n", "n\n8\n"]


def test_what_is_asked_lacks_the_label_and_nothing_else(weeks: Path) -> None:
    found = Departures.read(weeks, [5, 6])
    asked = Example.FromString(found.asked[0]).features.feature
    trained = Example.FromString(found.trained[0]).features.feature
    assert set(trained) - set(asked) == {"arr_delay"}
    assert asked["flight_id"].bytes_list.value[0].decode() == found.ids[0]
    assert all(asked[name] == trained[name] for name in asked)


def test_every_departure_lies_in_one_day(weeks: Path) -> None:
    found = Departures.read(weeks, [9, 10, 11])  # summer time begins in week 10
    days = [Day(number) for number in range(8 * 7, 11 * 7)]
    places = np.concatenate([found.between(day.begins_sec, day.ends_sec) for day in days])
    assert np.array_equal(np.sort(places), np.arange(len(found)))
    assert all(
        np.array_equal(found.of_day(day), found.between(day.begins_sec, day.ends_sec))
        for day in days
    )
    assert set(found.span.tolist()) == {9, 10, 11}


def test_days_and_labels_by_hand() -> None:
    table = pa.table(
        {
            "flight_id": pa.array([b"2013-01-01-UA-1-EWR", b"2013-07-01-B6-2-JFK"], pa.binary()),
            # 23:30 and 00:10 of summer time, the hour before the day begins here
            "scheduled_at": pa.array([BEGINS_SEC + 84_600, BEGINS_SEC + 181 * DAY_SEC - 3000]),
            "arr_delay": pa.array([16, 15]),
        }
    )
    found = Departures.of_table(table)
    assert found.day.tolist() == [0, 181]
    assert found.at_sec.tolist() == [BEGINS_SEC + 84_600, BEGINS_SEC + 181 * DAY_SEC]
    assert found.late.tolist() == [1.0, 0.0]
    assert found.span.tolist() == [1, 26]
