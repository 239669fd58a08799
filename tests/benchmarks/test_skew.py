"""`python -m benchmarks.skew` on two pairs, and the numbers that its tables are made of."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import skew_rates, skew_speed
from benchmarks.skew_detectors import Join, Ringway
from benchmarks.skew_pairs import FAULTS, Flights, Served, draw
from benchmarks.skew_rates import NO_FAULT, Outcome, Rate
from benchmarks.skew_speed import Measured
from components.skew_validator import Terms
from pipelines.workspace import REPOSITORY


def test_two_pairs_give_tables_and_a_document(tmp_path: Path) -> None:
    output = tmp_path / "skew.json"
    options = "--sizes=1000 --pairs=2 --fault-pairs=1 --peer-pairs=0 --join-pairs=0 --processes=1"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.skew", *options.split(), f"--output={output}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| alarms on A/A, % | 1,000 |" in done.stdout
    assert "| kilometres | 100 |" in done.stdout
    document = json.loads(output.read_text())
    assert document["terms"]["false_alarm_rate"] == 0.01
    pairs = {row["fault"]: row["pairs"] for row in document["alarms"]}
    assert pairs == {NO_FAULT: 2, **dict.fromkeys((fault.name for fault in FAULTS), 1)}


def small() -> Flights:
    """Returns two flights an hour for a year, at two carriers."""
    rng = np.random.default_rng(1)
    count = 2 * 24 * 364
    hours = np.arange(count) // 2
    weather = pd.DataFrame({"weather_temp": 50 + 10 * rng.normal(size=count)})
    rows = pd.DataFrame(
        {
            "hour": hours % 24,
            "carrier": rng.choice(["AA", "UA"], count),
            "distance": rng.choice([200.0, 700.0, 2400.0], count),
        }
    ).join(weather)
    return Flights(
        rows=rows,
        weeks=hours // (24 * 7) + 1,
        entities=np.array([f"flight {place}" for place in range(count)]),
        late={12: weather.shift(24).bfill(), 72: weather.shift(144).bfill()},
    )


FLIGHTS = small()


def test_both_halves_are_of_the_same_weeks_and_share_no_row() -> None:
    pair = draw(FLIGHTS, serving=300, training=500, repetition=3)
    again = draw(FLIGHTS, serving=300, training=500, repetition=3)
    assert (pair.training == again.training).all()
    assert not set(pair.training) & set(pair.serving)
    assert (pair.training.size, pair.serving.size, pair.spare.size) == (500, 300, 300)
    weeks = FLIGHTS.weeks[np.concatenate([pair.training, pair.serving, pair.spare])]
    assert np.ptp(weeks) < 18


def test_more_rows_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected at most"):
        draw(FLIGHTS, serving=10_000, training=10_000, repetition=0)


def planted(name: str, size: int = 2000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the served columns as they ought to be, and with a fault."""
    [fault] = [fault for fault in FAULTS if fault.name == name]
    pair = draw(FLIGHTS, serving=size, training=size, repetition=0)
    served = Served(flights=FLIGHTS, pair=pair, rng=np.random.default_rng(5))
    changed = fault.plant(served)
    return pd.concat([served.column(column) for column in changed], axis=1), changed


def test_faults_do_what_they_say() -> None:
    before, after = planted("kilometres")
    assert after["distance"].to_numpy() == pytest.approx(1.609344 * before["distance"].to_numpy())
    before, after = planted("time zone")
    assert set((after["hour"] - before["hour"]) % 24) == {5}
    before, after = planted("carrier lost")
    assert len(before["carrier"].unique()) == 2
    assert len(after["carrier"].unique()) == 1
    assert 1900 < len(after) <= len(before)
    before, after = planted("more nulls")
    assert after["weather_temp"].isna().mean() == pytest.approx(0.05, abs=0.02)
    before, after = planted("new category")
    assert (after["carrier"] == "XX").mean() == pytest.approx(0.02, abs=0.01)
    before, after = planted("scaled twice")
    assert after["weather_temp"].mean() < -3
    before, after = planted("cast to integer")
    assert (before["weather_temp"] - after["weather_temp"]).between(-1, 1).all()
    assert (after["weather_temp"] % 1 == 0).all()
    before, after = planted("shuffled column")
    assert sorted(before["distance"]) == sorted(after["distance"])
    assert (before["distance"] != after["distance"]).any()
    before, after = planted("weather 12 h late")
    assert (before["weather_temp"] != after["weather_temp"]).all()


def test_the_check_names_the_column_and_only_the_join_sees_a_shuffle() -> None:
    pair = draw(FLIGHTS, serving=400, training=400, repetition=0)
    training, serving = (
        FLIGHTS.rows.iloc[rows].reset_index(drop=True) for rows in (pair.training, pair.serving)
    )
    check = Ringway(training, serving, terms=Terms(), seed=1)
    join = Join(serving, list(FLIGHTS.entities[pair.serving]))
    nothing = pd.DataFrame()
    assert check.ask(nothing, nothing).alarms == join.ask(nothing, nothing).alarms == frozenset()
    _, kilometres = planted("kilometres", 400)
    assert check.ask(kilometres, nothing).alarms == {"distance"}
    _, shuffled = planted("shuffled column", 400)
    assert check.ask(shuffled, nothing).alarms == frozenset()
    assert join.ask(shuffled, nothing).alarms == {"distance"}


def test_rates_have_clopper_and_pearson_s_interval() -> None:
    # Of none in 20 the upper end p solves (1 - p)^20 = 0.025.
    low, high = Rate(hits=0, pairs=20).interval
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert Rate(hits=0, pairs=20).as_text() == "0 (0 to 17)"
    assert Rate(hits=1, pairs=1).interval[1] == 1


def test_tables_hold_a_rate_for_each_size() -> None:
    outcomes = [
        Outcome(
            detector="one",
            size=size,
            fault=fault,
            alarm=alarm,
            whole=alarm,
            blessed=not alarm,
            seconds=1.0,
        )
        for size, fault, alarm in ((10, NO_FAULT, False), (10, "late", True), (20, "late", False))
    ]
    found = skew_rates.rates(outcomes)
    assert skew_rates.alarm_table(found, ["one"], [10, 20]).splitlines()[-1] == (
        "| one | 0 (0 to 98) |  |"
    )
    assert skew_rates.detection_table(found, ["one"], ["late"], [10, 20]).splitlines()[-1] == (
        "| late | 100 | 0 |"
    )
    assert len(skew_rates.rows_of(found)) == 3


def test_times_are_compared_by_their_medians() -> None:
    def measured(seconds: float) -> Measured:
        return Measured(seconds=seconds, cpu_seconds=2 * seconds, peak_mib=100.0, result="OK")

    found = {
        "Ringway": [measured(1.0), measured(2.0), measured(9.0)],
        "TFDV": [measured(2.0), measured(2.0), measured(3.0)],
    }
    said = skew_speed.text(found, 1000).splitlines()
    assert said[0] == "1,000 rows"
    assert "ratio 1.00 (0.50 to 3.00), goal at most 1.2: met" in said[1]
    assert said[-1] == "peak memory: 100 and 100 MiB"
