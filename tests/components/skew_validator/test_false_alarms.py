"""Simulations with fixed seeds: how often a check alarms when nothing has changed, and when it has.

Columns are correlated, as real ones are, and of all sorts: continuous with NaN, skewed with missing
values, few and many categories, integers with ties.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from components.skew_validator.sample import CategoricalSample, NumericSample, Sample
from components.skew_validator.skew import check
from components.skew_validator.terms import Terms
from components.skew_validator.verdict import Status, Verdict

SIZES = (200, 500, 1000, 5000)

Columns = dict[str, np.ndarray]


def flights(rows: int, rng: np.random.Generator) -> Columns:
    """Columns of flights; a missing value is NaN in `delay`, an empty text in `carrier`."""
    route = rng.gamma(2.0, size=rows)
    noise = rng.normal(size=rows)
    hours = np.clip(np.round(13 + 4 * noise + rng.normal(size=rows)), 0, 23)
    carriers = np.minimum((route * 3 + rng.random(rows)).astype(int), 15)
    delay = 10 * noise + rng.standard_t(3, size=rows)
    delay[rng.random(rows) < 0.05] = np.nan
    return {
        "miles": 200 + 400 * route,
        "hour": hours.astype(np.int64),
        "delay": delay,
        "carrier": np.where(rng.random(rows) < 0.05, "", np.char.add("C", carriers.astype(str))),
        "tail": np.char.add("N", (rng.zipf(1.4, size=rows) % 150).astype(str)),
    }


def sample(column: np.ndarray) -> Sample:
    if column.dtype.kind != "U":
        return NumericSample.of(column)
    names, counts = np.unique(column[column != ""], return_counts=True)
    seen = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    return CategoricalSample(counts=seen, missing=int((column == "").sum()))


def samples(columns: Columns) -> dict[str, Sample]:
    return {name: sample(column) for name, column in columns.items()}


def alarms(pairs: int, terms: Terms, seed: int) -> int:
    rng = np.random.default_rng(seed)
    found = 0
    for pair in range(pairs):
        training, serving = SIZES[pair % 4], SIZES[pair // 4 % 4]
        verdict = check(
            samples(flights(training, rng)),
            samples(flights(serving, rng)),
            terms=terms,
            rng=rng,
            # The verdict is the same without, and comes sooner.
            thresholds=False,
        )
        found += verdict.status is Status.ALARM
    return found


def within(pairs: int, rate: float) -> int:
    """Returns what a test of that rate exceeds in one of 1,000 simulations."""
    return int(stats.binom.ppf(0.999, pairs, rate))


def test_nothing_has_changed_and_few_checks_say_so() -> None:
    assert alarms(400, Terms(false_alarm_rate=0.01), seed=1) <= within(400, 0.01)


@pytest.mark.parametrize(
    ("numeric", "categorical"),
    [
        (("kolmogorov_smirnov", "absence"), ("chi_square", "absence")),
        (("psi",), ("psi",)),
        (("anderson_darling", "whole_numbers"), ("largest_deviance",)),
        (("jensen_shannon", "wasserstein"), ("jensen_shannon", "infinity_norm")),
    ],
)
def test_the_rate_is_a_parameter(numeric, categorical) -> None:
    terms = Terms(numeric=numeric, categorical=categorical, false_alarm_rate=0.1)
    found = alarms(100, terms, seed=2)
    # Bonferroni and ties leave some of the rate unused, not most of it.
    assert 2 <= found <= within(100, 0.1)


def kilometres(columns: Columns) -> None:
    columns["miles"] = columns["miles"] * 1.609344


def scaled_twice(columns: Columns) -> None:
    columns["delay"] = columns["delay"] / 10


def another_time_zone(columns: Columns) -> None:
    columns["hour"] = (columns["hour"] + 5) % 24


def cast_to_integer(columns: Columns) -> None:
    columns["miles"] = columns["miles"].astype(int)


def one_carrier_lost(columns: Columns) -> None:
    carrier = columns["carrier"]
    columns["carrier"] = np.where(carrier == "C3", "", carrier)


def more_nulls(columns: Columns) -> None:
    rows = np.arange(columns["delay"].size)
    columns["delay"] = np.where(rows % 12 == 0, np.nan, columns["delay"])


def new_category(columns: Columns) -> None:
    rows = np.arange(columns["carrier"].size)
    columns["carrier"] = np.where(rows % 25 == 0, "ZZ", columns["carrier"])


def stale(columns: Columns) -> None:
    columns["delay"] = np.repeat(columns["delay"][::50], 50)[: columns["delay"].size]


@pytest.mark.parametrize(
    ("fault", "feature"),
    [
        (kilometres, "miles"),
        (scaled_twice, "delay"),
        (another_time_zone, "hour"),
        (cast_to_integer, "miles"),
        (one_carrier_lost, "carrier"),
        (more_nulls, "delay"),
        (new_category, "carrier"),
        (stale, "delay"),
    ],
)
def test_a_planted_fault_is_found_and_named(fault: Callable[[Columns], None], feature: str) -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(10):
        served = flights(1000, rng)
        fault(served)
        verdict = check(samples(flights(3000, rng)), samples(served), terms=Terms(), rng=rng)
        found.append(_first(verdict))
    assert found.count(feature) >= 9


def _first(verdict: Verdict) -> str:
    assert not verdict.blessed
    return verdict.features[0].feature
