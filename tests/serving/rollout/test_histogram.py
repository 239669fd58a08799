import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.rollout.errors import RolloutError
from serving.rollout.histogram import (
    LATENCY_SEC,
    Histogram,
    LinearScale,
    LogScale,
    of_values,
)

OCTAVES = LogScale(low=1.0, octaves=3, per_octave=1)
TENTHS = LinearScale(low=0.0, high=1.0, inner=10)
SCALES = st.sampled_from([OCTAVES, TENTHS, LATENCY_SEC])


@pytest.mark.parametrize(
    ("value", "index"),
    [
        (-1, 0),
        (0, 0),
        (0.99, 0),
        (1, 1),
        (1.99, 1),
        (2, 2),
        (4, 3),
        (7.9, 3),
        (8, 4),
        (1e300, 4),
        (math.inf, 4),
        (-math.inf, 0),
        (math.nan, 5),
    ],
)
def test_bins_of_a_logarithmic_scale(value: float, index: int) -> None:
    assert OCTAVES.bins == 6
    assert OCTAVES.index(value) == index


@pytest.mark.parametrize(
    ("value", "index"),
    [
        (-0.01, 0),
        (0, 1),
        (0.05, 1),
        (0.1, 2),
        (0.95, 10),
        (1, 10),
        (1.01, 11),
        (math.inf, 11),
        (-math.inf, 0),
        (math.nan, 12),
    ],
)
def test_bins_of_a_linear_scale(value: float, index: int) -> None:
    assert TENTHS.bins == 13
    assert TENTHS.index(value) == index


def test_edges_lie_between_the_bins() -> None:
    assert [OCTAVES.edge(index) for index in range(4)] == [1, 2, 4, 8]
    assert TENTHS.edge(0) == 0
    assert TENTHS.edge(10) == 1


def test_outer_bins_stand_for_the_end_of_the_scale() -> None:
    assert [OCTAVES.middle(index) for index in (0, 1, 4)] == [1, pytest.approx(2**0.5), 8]
    assert math.isnan(OCTAVES.middle(5))


def test_latencies_span_ten_microseconds_to_twenty_minutes() -> None:
    assert LATENCY_SEC.index(0.9e-5) == 0
    assert LATENCY_SEC.index(1e-5) == 1
    assert LATENCY_SEC.edge(LATENCY_SEC.bins - 3) == pytest.approx(1342.17728)
    assert LATENCY_SEC.relative_error == pytest.approx(0.0443, abs=1e-4)


@given(st.lists(st.floats(1e-5, 1000), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_of_latencies_is_within_the_stated_error(
    values: list[float], share: float
) -> None:
    # The smallest value that at least this share of all does not exceed.
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]

    read = LATENCY_SEC.middle(of_values(LATENCY_SEC, values).quantile_bin(share))

    assert read == pytest.approx(exact, rel=LATENCY_SEC.relative_error + 1e-9)


def test_the_99th_percentile_of_lognormal_latencies() -> None:
    values = np.random.default_rng(2).lognormal(-4, 0.5, 20_000)

    read = LATENCY_SEC.middle(of_values(LATENCY_SEC, values).quantile_bin(0.99))

    assert read == pytest.approx(
        float(np.quantile(values, 0.99, method="inverted_cdf")), rel=LATENCY_SEC.relative_error
    )


@given(SCALES, st.lists(st.floats(allow_nan=True)), st.lists(st.floats(allow_nan=True)))
def test_merging_is_counting_together(
    scale: LogScale | LinearScale, first: list[float], second: list[float]
) -> None:
    merged = of_values(scale, first).merged(of_values(scale, second))

    assert merged == of_values(scale, second + first)
    assert merged.total == len(first) + len(second)
    assert Histogram.from_json(merged.to_json(), scale, "here") == merged


def test_beyond_counts_what_lies_in_later_bins() -> None:
    histogram = Histogram(OCTAVES, (1, 2, 0, 3, 4, 5))

    assert histogram.beyond() == (14, 12, 12, 9, 5, 0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RolloutError, match="expected 6 counts"):
        Histogram(OCTAVES, (1, 2))
    with pytest.raises(RolloutError, match="the smallest -1"):
        Histogram(OCTAVES, (0, -1, 0, 0, 0, 0))
    with pytest.raises(RolloutError, match="expected the bins of"):
        Histogram.empty(OCTAVES).merged(Histogram.empty(TENTHS))
    with pytest.raises(RolloutError, match=r"here: expected .* unknown 13"):
        Histogram.from_json({"13": 1}, TENTHS, "here")
    with pytest.raises(RolloutError, match="expected low < high"):
        LinearScale(low=1.0, high=1.0, inner=3)
    with pytest.raises(ValueError, match="expected values"):
        Histogram.empty(OCTAVES).quantile_bin(0.5)
