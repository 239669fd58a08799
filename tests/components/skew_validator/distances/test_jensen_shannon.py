import numpy as np
import pytest
from scipy.spatial import distance

from components.skew_validator.distances import jensen_shannon


def test_it_is_the_square_of_scipy_s_distance() -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        p, q = rng.integers(0, 50, (2, 12)) + np.eye(2, 12, dtype=int)
        expected = distance.jensenshannon(p, q, base=2) ** 2
        assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-12)


def test_by_hand() -> None:
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4): (log2(4/3) + (log2(2/3) + log2 2) / 2) / 2
    expected = (np.log2(4 / 3) + (np.log2(2 / 3) + 1) / 2) / 2
    assert jensen_shannon(np.array([3, 0]), np.array([1, 1])) == pytest.approx(expected)


def test_disjoint_samples_are_one_bit_apart() -> None:
    assert jensen_shannon(np.array([3, 4, 0]), np.array([0, 0, 9])) == 1
