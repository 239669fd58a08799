import numpy as np
import pytest
from scipy import stats

from components.skew_validator import distances
from components.skew_validator.alignment import Aligned, Binning, align
from components.skew_validator.calibration import Calibration, calibrate, per_test
from components.skew_validator.sample import NumericSample

ALPHA = 0.002
# A pool of 100 rows, 30 of them missing; 25 rows are served.
POOL, MISSING, SERVED = 100, 30, 25


def of_missing(served: int) -> Aligned:
    training = POOL - SERVED
    return Aligned(
        training=np.array([training - (MISSING - served), MISSING - served]),
        serving=np.array([SERVED - served, served]),
    )


def difference(served: np.ndarray) -> np.ndarray:
    return np.abs(served / SERVED - (MISSING - served) / (POOL - SERVED))


def exact_p_value(served: int) -> float:
    # Of all ways to choose the served rows, those with such a difference of shares or a larger one.
    every = np.arange(SERVED + 1)
    chances = stats.hypergeom(POOL, MISSING, SERVED).pmf(every)
    return float(chances[difference(every) >= difference(np.array(served)) - 1e-12].sum())


@pytest.mark.parametrize("served", range(26))
def test_the_p_value_is_that_of_all_splits(served) -> None:
    found = calibrate(
        distances.get("absence"), of_missing(served), ALPHA, np.random.default_rng(served)
    )
    expected = exact_p_value(served)
    error = 4 * np.sqrt(expected * (1 - expected) / found.splits) + 1.5 / found.splits
    assert found.p_value == pytest.approx(expected, abs=error)
    if not ALPHA / 2 < expected < 2 * ALPHA:
        assert found.significant == (expected <= ALPHA)


def test_the_threshold_is_exceeded_by_chance_in_a_share_of_alpha() -> None:
    rng = np.random.default_rng(1)
    found = calibrate(distances.get("absence"), of_missing(20), ALPHA, rng)
    assert found.significant
    every = np.arange(SERVED + 1)
    chances = stats.hypergeom(POOL, MISSING, SERVED).pmf(every)
    assert chances[difference(every) > found.threshold + 1e-12].sum() <= 1.5 * ALPHA
    assert chances[difference(every) >= found.threshold - 1e-12].sum() >= ALPHA / 1.5


def test_what_is_no_alarm_stops_early_and_an_alarm_takes_all_splits() -> None:
    rng = np.random.default_rng(1)
    assert calibrate(distances.get("absence"), of_missing(7), ALPHA, rng).splits == 499
    assert calibrate(distances.get("absence"), of_missing(25), ALPHA, rng).splits == 4999


def test_without_a_threshold_it_stops_as_soon_as_the_outcome_is_settled() -> None:
    def splits(served: int) -> Calibration:
        rng = np.random.default_rng(1)
        return calibrate(distances.get("absence"), of_missing(served), ALPHA, rng, thresholds=False)

    near, far = splits(7), splits(25)
    assert near.splits == 64
    assert np.isnan(near.threshold)
    assert not near.significant
    assert far.splits == 499
    assert far.significant
    assert far.value > far.threshold
    # Fifteen of the 25 served rows miss it, where eight would be expected: between the two.
    between = splits(15)
    assert between.significant
    assert between.splits == 4999


@pytest.mark.parametrize("served", range(26))
def test_thresholds_change_no_outcome(served) -> None:
    expected = exact_p_value(served)
    if ALPHA / 2 < expected < 2 * ALPHA:
        return
    rng = np.random.default_rng(served)
    found = calibrate(distances.get("absence"), of_missing(served), ALPHA, rng, thresholds=False)
    assert found.significant == (expected <= ALPHA)


def test_a_p_value_is_never_below_what_the_splits_can_tell() -> None:
    far = Aligned(training=np.array([1000, 0]), serving=np.array([0, 1000]))
    found = calibrate(distances.get("jensen_shannon"), far, 0.01, np.random.default_rng(1))
    assert found.p_value == 1 / 1000
    assert found.splits == 999


@pytest.mark.parametrize("name", distances.names())
def test_samples_without_a_difference_are_never_significant(name) -> None:
    same = Aligned(
        training=np.array([50, 50]), serving=np.array([50, 50]), positions=np.array([0.0, 1.0])
    )
    found = calibrate(distances.get(name), same, 0.01, np.random.default_rng(1))
    assert found.p_value == 1
    assert found.value <= found.threshold


@pytest.mark.parametrize("name", distances.names())
@pytest.mark.parametrize("served", [3, 7, 12, 14, 16, 20, 25])
def test_what_is_significant_is_above_the_threshold_and_nothing_else(name, served) -> None:
    aligned = of_missing(served)
    aligned = Aligned(
        training=aligned.training, serving=aligned.serving, positions=np.array([0.0, 1.0])
    )
    found = calibrate(distances.get(name), aligned, 0.01, np.random.default_rng(served))
    assert found.significant == (found.value > found.threshold * (1 + 1e-9))


def test_the_same_seed_gives_the_same_answer() -> None:
    one, two = (
        calibrate(distances.get("psi"), of_missing(13), 0.01, np.random.default_rng(9))
        for _ in range(2)
    )
    assert one == two


def continuous(n: int, m: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + m)
    return rng.normal(size=n), rng.normal(shift, size=m)


def kolmogorov(x: np.ndarray, y: np.ndarray, alpha: float) -> Calibration:
    aligned = align(NumericSample.of(x), NumericSample.of(y), Binning.DISTINCT)
    rng = np.random.default_rng(1)
    return calibrate(distances.get("kolmogorov_smirnov"), aligned, alpha, rng)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(("n", "m"), [(1500, 100), (1000, 999), (5000, 701)])
def test_of_many_numbers_kolmogorov_s_distribution_gives_the_p_value(n, m, shift) -> None:
    x, y = continuous(n, m, shift)
    found = kolmogorov(x, y, 0.01)
    assert found.splits == 0
    expected = stats.ks_2samp(x, y, method="exact").pvalue
    assert found.p_value == pytest.approx(expected, rel=0.2)
    assert found.significant == (found.value > found.threshold)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6])
def test_of_few_numbers_splits_give_it(shift) -> None:
    x, y = continuous(300, 60, shift)
    found = kolmogorov(x, y, 0.001)
    assert found.splits > 0
    expected = stats.ks_2samp(x, y, method="exact").pvalue
    error = 4 * np.sqrt(expected / found.splits) + 1.5 / found.splits
    assert found.p_value == pytest.approx(expected, abs=error)


@pytest.mark.parametrize(("n", "m", "tied"), [(200, 200, 1), (500, 100, 1), (400, 300, 4)])
def test_where_it_leaves_no_doubt_the_formula_says_what_all_splits_would(n, m, tied) -> None:
    x, y = (np.round(tied * sample) / tied for sample in continuous(n, m, 1.0))
    found = kolmogorov(x, y, 0.001)
    assert found.splits == 0
    assert found.significant
    # Values that are tied make a large distance less likely still.
    assert stats.ks_2samp(x, y, method="exact").pvalue < 0.001
    few = kolmogorov(x[:90], y[:90], 0.001)
    assert few.splits > 0


def test_a_p_value_beyond_floating_point_is_above_zero() -> None:
    found = kolmogorov(np.arange(50_000.0), np.arange(50_000.0) + 1e6, 0.01)
    assert 0 < found.p_value < 1e-300


def test_an_empty_sample_and_too_large_ones_are_refused() -> None:
    rng = np.random.default_rng(1)
    psi = distances.get("psi")
    with pytest.raises(ValueError, match="at least one value in the serving sample"):
        calibrate(psi, Aligned(training=np.array([1]), serving=np.array([0])), 0.01, rng)
    with pytest.raises(ValueError, match="fewer than a billion"):
        calibrate(psi, Aligned(training=np.array([10**9]), serving=np.array([1])), 0.01, rng)


def test_the_rate_is_divided_among_the_tests() -> None:
    assert per_test(0.01, 20) == pytest.approx(0.0005)
    assert per_test(0.01, 0) == 0.01
