"""The year's weeks again as later years: what is new in a copy, and what stays."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import scale_data

ROWS = 1200  # a day and a half


def read(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in sorted(folder.iterdir())], ignore_index=True)


def test_a_later_year_has_fresh_keys_and_the_same_weekdays(tmp_path: Path) -> None:
    table = read(scale_data.write(tmp_path, 2, ROWS))
    first, second = table.head(ROWS), table.tail(ROWS).reset_index(drop=True)

    assert len(table) == 2 * ROWS
    assert table["flight_id"].is_unique
    assert first["flight_id"][0] == "2013-01-01-UA-1545-EWR"
    assert second["flight_id"][0] == "2014-01-01-UA-1545-EWR"
    # 2013-01-01 was a Tuesday, and so was 2013-12-31, 364 days later.
    assert (second["scheduled_at"] - first["scheduled_at"]).unique().tolist() == [364 * 86400]
    keys = ["flight_id", "scheduled_at"]
    pd.testing.assert_frame_equal(first.drop(columns=keys), second.drop(columns=keys))


def test_every_departure_has_a_delay(tmp_path: Path) -> None:
    delays = read(scale_data.write(tmp_path, 1, ROWS))["arr_delay"]
    assert delays.dtype == "int64"
    assert (delays == 24 * 60).sum() == 13  # cancelled or diverted on 1 and 2 January


def test_sizes_share_their_files(tmp_path: Path) -> None:
    one, two = scale_data.write(tmp_path, 1, ROWS), scale_data.write(tmp_path, 2, ROWS)
    (week,) = one.iterdir()
    assert week.samefile(two / week.name)
    assert len(list(two.iterdir())) == 2
