import dataclasses

import numpy as np
import pytest

from components.skew_validator import distances
from components.skew_validator.sample import CategoricalSample, NumericSample, Sample
from components.skew_validator.skew import check
from components.skew_validator.terms import Terms
from components.skew_validator.verdict import FeatureVerdict, Reason, Status, Verdict

ALL = Terms(numeric=distances.names())


def normal(rows: int, seed: int = 1, mean: float = 0.0, **known) -> NumericSample:
    return NumericSample.of(np.random.default_rng(seed).normal(mean, size=rows), **known)


def compare(
    training: Sample | None, serving: Sample | None, terms: Terms | None = None
) -> FeatureVerdict:
    # Another feature keeps both sides from being empty as a whole.
    other = {"other": normal(500)}
    verdict = check(
        other | ({"x": training} if training else {}),
        other | ({"x": serving} if serving else {}),
        terms=terms or Terms(),
        rng=np.random.default_rng(7),
        features=["x"],
    )
    [found] = verdict.features
    assert verdict.blessed == (found.status is Status.OK)
    return found


def reasons(found: FeatureVerdict | Verdict) -> set[Reason]:
    features = found.features if isinstance(found, Verdict) else [found]
    return {reason.reason for feature in features for reason in feature.reasons}


def test_ten_rows_of_one_normal_are_no_alarm_but_too_few_to_tell() -> None:
    terms = Terms(numeric=("jensen_shannon",))
    found = compare(normal(1000), normal(10, seed=2), terms)
    assert found.status is Status.NOT_COMPARED
    assert reasons(found) == {Reason.TOO_FEW_ROWS}
    [comparison] = found.comparisons
    assert comparison.calibration is not None
    # By TFDV's rule of thumb, 0.1, it would be an alarm.
    assert comparison.calibration.value > 0.1
    assert not comparison.calibration.significant


def test_with_no_power_asked_they_are_fine() -> None:
    terms = Terms(numeric=("jensen_shannon",), detectable_shift=1.0)
    assert compare(normal(1000), normal(10, seed=2), terms).status is Status.OK


def test_ten_rows_far_away_are_an_alarm_all_the_same() -> None:
    assert compare(normal(1000), normal(10, seed=2, mean=5)).status is Status.ALARM


@pytest.mark.parametrize("name", sorted(set(distances.names()) - {"absence", "whole_numbers"}))
def test_every_distance_of_values_alarms_on_a_feature_in_another_unit(name) -> None:
    fares = np.random.default_rng(3).lognormal(2, 0.5, 4000)
    terms = Terms(numeric=(name,))
    found = compare(NumericSample.of(fares[:3000]), NumericSample.of(fares[3000:] * 100), terms)
    assert found.status is Status.ALARM


def test_the_infinity_norm_of_numbers_is_no_silent_zero() -> None:
    terms = Terms(numeric=("infinity_norm",))
    found = compare(normal(2000), normal(2000, seed=2, mean=1), terms)
    assert found.status is Status.ALARM


def with_nan(share: float, seed: int) -> NumericSample:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=2000)
    numbers[rng.random(2000) < share] = np.nan
    return NumericSample.of(numbers)


def test_an_equal_share_of_nan_is_no_difference_to_any_distance() -> None:
    found = compare(with_nan(0.4, 1), with_nan(0.4, 2), ALL)
    assert found.status is Status.OK


@pytest.mark.parametrize(
    "name",
    ["absence", "chi_square", "psi", "jensen_shannon", "infinity_norm"],
)
def test_more_nan_is_not_lost(name) -> None:
    terms = Terms(numeric=(name,))
    assert compare(with_nan(0.05, 1), with_nan(0.2, 2), terms).status is Status.ALARM


def test_more_missing_rows_alarm_though_the_values_are_the_same() -> None:
    found = compare(normal(1900, missing=100), normal(900, seed=2, missing=100))
    [alarm] = [one.distance for one in found.comparisons if one.status is Status.ALARM]
    assert alarm == "absence"


def test_a_change_beyond_the_thousand_most_frequent_strings_is_seen() -> None:
    rng = np.random.default_rng(8)

    def sample(rare: str) -> CategoricalSample:
        frequent = {f"frequent-{i}": int(count) for i, count in enumerate(rng.poisson(20, 1000))}
        return CategoricalSample(counts=frequent | {f"{rare}-{i}": 3 for i in range(2000)})

    # The thousand most frequent, which TFDV compares, are of one distribution.
    assert compare(sample("old"), sample("old")).status is Status.OK
    training, serving = sample("old"), sample("new")
    assert compare(training, serving).status is Status.ALARM


@pytest.mark.parametrize("rows", [500, 5000])
def test_strings_seen_once_each_are_no_alarm(rows) -> None:
    training = CategoricalSample(counts={f"trip-{i}": 1 for i in range(rows)})
    serving = CategoricalSample(counts={f"trip-{i}": 1 for i in range(rows, 2 * rows)})
    assert compare(training, serving).status is Status.OK


def test_a_feature_that_is_absent_on_a_side_is_not_compared() -> None:
    assert reasons(compare(normal(500), None)) == {Reason.ABSENT_IN_SERVING}
    assert reasons(compare(None, normal(500))) == {Reason.ABSENT_IN_TRAINING}


def test_numbers_and_categories_are_not_compared() -> None:
    found = compare(normal(500), CategoricalSample(counts={"a": 500}))
    assert reasons(found) == {Reason.KINDS_DIFFER}


def test_a_feature_without_values_alarms_by_its_absence() -> None:
    found = compare(normal(1000), NumericSample.of(np.empty(0), missing=500))
    assert found.status is Status.ALARM
    assert reasons(found) == {Reason.NO_VALUES}


def test_a_feature_without_values_on_both_sides_is_not_compared() -> None:
    empty = NumericSample.of(np.empty(0), missing=500)
    assert compare(empty, empty).status is Status.NOT_COMPARED


@pytest.mark.parametrize(
    ("training", "serving", "reason"),
    [
        (None, {"x": normal(500)}, Reason.NO_BASELINE),
        ({}, {"x": normal(500)}, Reason.NO_ROWS),
        ({"x": normal(500)}, {}, Reason.NO_ROWS),
        ({"x": normal(500)}, {"x": normal(0)}, Reason.NO_ROWS),
        ({"x": normal(0)}, {"x": normal(500)}, Reason.NO_ROWS),
        ({}, {}, Reason.NO_ROWS),
        (None, {}, Reason.NO_BASELINE),
    ],
)
def test_without_a_baseline_or_rows_nothing_is_blessed(training, serving, reason) -> None:
    verdict = check(training, serving, terms=Terms(), rng=np.random.default_rng(1))
    assert verdict.status is Status.NOT_COMPARED
    assert not verdict.blessed
    assert verdict.not_compared is not None
    assert verdict.not_compared.reason is reason
    assert reasons(verdict) <= {reason}


def test_no_feature_to_compare_is_no_pass() -> None:
    samples = {"x": normal(500)}
    verdict = check(samples, samples, terms=Terms(), rng=np.random.default_rng(1), features=[])
    assert verdict.status is Status.NOT_COMPARED


def test_one_needed_feature_that_is_absent_keeps_all_from_being_blessed() -> None:
    training = {"x": normal(500), "y": normal(500, seed=2)}
    serving = {"x": normal(500, seed=3)}
    terms = Terms()

    def status(terms: Terms) -> Status:
        return check(training, serving, terms=terms, rng=np.random.default_rng(1)).status

    assert status(terms) is Status.NOT_COMPARED
    assert status(dataclasses.replace(terms, optional=frozenset({"y"}))) is Status.OK


def test_a_significant_difference_below_its_floor_is_fine() -> None:
    samples = normal(50_000), normal(50_000, seed=2, mean=0.05)
    assert compare(*samples).status is Status.ALARM
    terms = Terms(floors={"kolmogorov_smirnov": 0.1, "psi": 0.1})
    assert compare(*samples, terms).status is Status.OK


def test_the_rate_is_shared_by_the_tests_that_can_alarm() -> None:
    training = {"x": normal(300, missing=1), "y": normal(300), "z": normal(300)}
    serving = {"x": normal(300), "y": normal(300)}
    verdict = check(training, serving, terms=Terms(), rng=np.random.default_rng(1))
    # Three of x, two of y, which misses no value; z cannot be compared.
    assert verdict.alpha == pytest.approx(0.01 / 5)


def test_without_thresholds_the_verdict_is_the_same() -> None:
    training = {"same": normal(400), "moved": normal(400), "absent": normal(400)}
    serving = {"same": normal(400, seed=2), "moved": normal(400, seed=3, mean=1.0)}
    full, quick = (
        check(
            training,
            serving,
            terms=Terms(),
            rng=np.random.default_rng(1),
            thresholds=thresholds,
        )
        for thresholds in (True, False)
    )
    assert {one.feature: one.status for one in quick.features} == {
        one.feature: one.status for one in full.features
    }
    [same] = [one for one in quick.features if one.feature == "same"]
    assert all(one.calibration and one.calibration.splits < 200 for one in same.comparisons)
    assert same.severity == 0


def test_the_same_seed_gives_the_same_verdict() -> None:
    training, serving = {"x": normal(300)}, {"x": normal(300, seed=2)}
    one, two = (check(training, serving, terms=ALL, rng=np.random.default_rng(5)) for _ in range(2))
    assert one == two
