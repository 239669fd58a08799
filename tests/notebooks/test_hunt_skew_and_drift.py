"""The third notebook: it is quiet where nothing changed, and names what did."""

from __future__ import annotations

import notebook_checks
import notebook_examples
import numpy as np
import pandas as pd
import pytest
from notebook_runs import number
from scipy import stats

from pipelines.flights import source

# Faults in an input may show in the predictions as well.
PREDICTION = "ringway_prediction"


@pytest.fixture(scope="module")
def seasons() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Departures of weeks 1 to 4 and 27 to 30 that arrived."""
    table = source.departures()
    table = table[table["arr_delay"].notna()]
    days = table["month"].map(str) + "-" + table["day"].map(str)
    day_of_year = pd.to_datetime("2013-" + days).dt.dayofyear
    winter, summer = (
        (day_of_year > 7 * (first - 1)) & (day_of_year <= 7 * last)
        for first, last in ((1, 4), (27, 30))
    )
    return table[winter], table[summer]


def alarms(lines: str) -> set[str]:
    """Returns the names that alarm, of the lines that `ringway skew` prints."""
    return {
        line.strip().partition(":")[0]
        for line in lines.splitlines()
        if line.startswith("  ") and not line.startswith("    ")
    }


def test_runs_quietly_and_offline(hunted) -> None:
    notebook_checks.assert_quiet(hunted)
    notebook_checks.assert_offline(hunted)


@pytest.mark.parametrize("cell", ["cents-histogram", "drift-histograms"])
def test_draws(hunted, cell: str) -> None:
    notebook_checks.assert_picture(hunted, cell)


def test_every_request_is_answered(hunted, notebook_home) -> None:
    sent = len(notebook_examples.taxi_records(notebook_home, "eval"))
    table = hunted.table("send")
    assert {row[0]: int(row[1]) for row in table.rows} == {
        "as trained": sent,
        "fares in cents": sent,
        "without company": sent,
    }
    assert "server ended with 0" in hunted.text("stop")


def test_says_nothing_where_nothing_changed(hunted) -> None:
    text = hunted.text("unchanged")
    assert text.startswith("OK ")
    assert "4,966 rows" in text
    assert "10,036 (train split" in text
    assert set(hunted.table("unchanged-table").column("status")) == {"OK"}


def test_names_the_fare_in_cents(hunted) -> None:
    text = hunted.text("cents")
    assert "status: ALARM" in text
    assert "cause:  fare" in text
    named = set(hunted.table("cents").column("feature"))
    assert {"fare"} <= named <= {"fare", PREDICTION}
    written = {row[0].strip("'") for row in hunted.table("cents-artifacts").rows}
    assert written == named
    assert "report.html" in hunted.text("cents-artifacts")


def test_the_distance_of_fares_is_that_of_scipy(hunted, notebook_home) -> None:
    trained, known = (
        np.array([trip["fare"] for trip in notebook_examples.taxi_rows(notebook_home, split)])
        for split in ("train", "eval")
    )
    served = (known * 100).astype(np.float32)
    expected = stats.ks_2samp(trained, served).statistic
    measured = hunted.table("cents-measures").row("kolmogorov_smirnov")
    assert number(measured["value"]) == pytest.approx(expected, abs=1e-5)
    assert measured["status"] == "ALARM"
    assert (int(measured["training"]), int(measured["serving"])) == (len(trained), len(served))


def test_names_the_column_that_is_gone(hunted) -> None:
    text = hunted.text("company")
    assert text.startswith("ALARM ")
    assert "company: schema:" in text
    assert alarms(text) - {PREDICTION} == {"company"}


def test_says_when_it_cannot_tell(hunted) -> None:
    assert hunted.text("not-compared").startswith("NOT_COMPARED - nothing was served")


def test_winter_and_summer_differ_in_the_weather(hunted) -> None:
    assert "ALARM - flights: spans 27 to 30 against spans 1 to 4" in hunted.text("drift")
    named = hunted.table("drift").column("feature")
    assert all(name.startswith("weather_") for name in named[:3])
    assert {"weather_temp", "weather_dewp", "weather_pressure"} <= set(named)


@pytest.mark.parametrize("name", ["weather_temp", "weather_pressure", "weather_visib"])
def test_the_distance_of_the_weather_is_that_of_scipy(hunted, seasons, name: str) -> None:
    measured = hunted.table("drift-measures").row(name)
    assert measured["distance"] == "kolmogorov_smirnov"
    sides = (season[name].dropna().to_numpy(np.float32) for season in seasons)
    expected = stats.ks_2samp(*sides, method="asymp").statistic
    assert number(measured["value"]) == pytest.approx(expected, abs=1e-5)
