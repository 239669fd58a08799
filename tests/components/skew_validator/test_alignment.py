import numpy as np
import pytest

from components.skew_validator.alignment import (
    GRID_CELLS,
    HASHED_BINS,
    Aligned,
    Binning,
    align,
)
from components.skew_validator.sample import CategoricalSample, NumericSample


def numbers(training: list, serving: list, binning: Binning) -> Aligned:
    return align(
        NumericSample.of(np.array(training, float)),
        NumericSample.of(np.array(serving, float)),
        binning,
    )


def test_equal_width_buckets_span_both_samples() -> None:
    found = numbers([0, 0.5, 1, 5], [9.5, 10, 2.5], Binning.EQUAL_WIDTH)
    assert found.training.tolist() == [2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert found.serving.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]


@pytest.mark.parametrize("binning", [Binning.EQUAL_WIDTH, Binning.QUANTILE])
def test_nan_and_infinities_have_bins_of_their_own(binning) -> None:
    found = numbers([1, np.nan, np.nan], [np.inf, 2, -np.inf, np.nan], binning)
    assert found.training[-3:].tolist() == [2, 0, 0]
    assert found.serving[-3:].tolist() == [1, 1, 1]
    assert (found.training.sum(), found.serving.sum()) == (3, 4)


def test_the_widest_range_there_is_has_buckets() -> None:
    largest = np.finfo(float).max
    found = numbers([-largest, largest], [0], Binning.EQUAL_WIDTH)
    assert found.training.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert found.serving.sum() == 1


def test_quantile_buckets_hold_a_tenth_of_the_pool_each() -> None:
    values = np.random.default_rng(1).lognormal(size=1000)
    found = numbers(list(values[:700]), list(values[700:]), Binning.QUANTILE)
    assert (found.training + found.serving)[:10].tolist() == [100] * 10


def test_a_frequent_value_has_a_quantile_bucket_of_its_own() -> None:
    found = numbers([0] * 80 + list(range(1, 21)), [0] * 10, Binning.QUANTILE)
    assert found.training[0] == 0  # below zero there is nothing
    assert found.training[1:3].tolist() == [80 + 1, 11] or found.training[1] >= 80
    assert found.serving[1] == 10


def test_the_grid_holds_distinct_values_as_long_as_they_are_few() -> None:
    found = numbers([1, 1, 2], [2, 5], Binning.GRID)
    assert found.positions is not None
    assert found.positions.tolist() == [1, 2, 5]
    assert found.training.tolist() == [2, 1, 0]
    assert found.serving.tolist() == [0, 1, 1]


def test_of_many_values_the_grid_makes_cells_at_their_means() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    found = numbers(list(values[:3000]), list(values[3000:]), Binning.GRID)
    assert found.positions is not None
    assert found.positions.size == GRID_CELLS
    assert (np.diff(found.positions) > 0).all()
    assert (found.training.sum(), found.serving.sum()) == (3000, 2000)
    pooled = found.training + found.serving
    assert (found.positions * pooled).sum() == pytest.approx(values.sum())


def test_distinct_values_are_never_put_together() -> None:
    values = np.arange(3000) / 7
    found = numbers(list(values), list(values[:10]), Binning.DISTINCT)
    assert found.training.tolist() == [1] * 3000


def test_bins_depend_on_the_pool_and_not_on_who_holds_which_value() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    for binning in (Binning.EQUAL_WIDTH, Binning.QUANTILE, Binning.GRID, Binning.DISTINCT):
        pools = []
        for order in (values, values[::-1]):
            found = numbers(list(order[:300]), list(order[300:]), binning)
            pools.append((found.training + found.serving).tolist())
        assert pools[0] == pools[1]


def test_categories_are_bins() -> None:
    found = align(
        CategoricalSample(counts={"b": 2, "a": 1}),
        CategoricalSample(counts={"c": 4, "a": 3}),
        Binning.EQUAL_WIDTH,
    )
    assert found.training.tolist() == [1, 2, 0]
    assert found.serving.tolist() == [3, 0, 4]


def test_texts_and_their_bytes_are_the_same_category() -> None:
    found = align(
        CategoricalSample(counts={"é": 2}),
        CategoricalSample(counts={"é".encode(): 3}),
        Binning.QUANTILE,
    )
    assert (found.training.tolist(), found.serving.tolist()) == ([2], [3])


def test_beyond_the_limit_rare_categories_share_bins_and_none_is_lost() -> None:
    training = CategoricalSample(counts={f"frequent-{i}": 50 for i in range(500)})
    serving = CategoricalSample(
        counts={f"frequent-{i}": 50 for i in range(500)} | {f"rare-{i}": 1 for i in range(9000)}
    )
    found = align(training, serving, Binning.QUANTILE)
    assert found.training.tolist() == [50] * 500 + [0] * HASHED_BINS
    assert found.serving[:500].tolist() == [50] * 500
    shared = found.serving[500:]
    assert shared.sum() == 9000
    # 9,000 at random in 1,024 bins: 8.8 in the mean, 30 in none.
    assert shared.max() < 30


def test_no_order_of_names_decides_which_category_is_kept() -> None:
    training = CategoricalSample(counts={f"{i:04}": 1 for i in range(1500)})
    serving = CategoricalSample(counts={f"{i:04}": 1 for i in range(1500, 3000)})
    found = align(training, serving, Binning.QUANTILE)
    assert found.training.size == HASHED_BINS
    assert (found.training.sum(), found.serving.sum()) == (1500, 1500)


def test_presence_counts_rows() -> None:
    found = align(
        CategoricalSample(counts={"a": 3}, missing=1),
        CategoricalSample(counts={"a": 1, "b": 1}),
        Binning.PRESENCE,
    )
    assert found.training.tolist() == [3, 1]
    assert found.serving.tolist() == [2, 0]


def test_kinds_that_don_t_fit_are_refused() -> None:
    number, category = NumericSample.of(np.array([1])), CategoricalSample(counts={"a": 1})
    with pytest.raises(TypeError, match="received numeric and categorical"):
        align(number, category, Binning.EQUAL_WIDTH)
    with pytest.raises(TypeError, match="received categories"):
        align(category, category, Binning.GRID)


@pytest.mark.parametrize("binning", [one for one in Binning if one is not Binning.PRESENCE])
def test_no_values_at_all_make_no_counts(binning) -> None:
    found = numbers([], [], binning)
    assert (found.training.sum(), found.serving.sum()) == (0, 0)
