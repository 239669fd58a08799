import numpy as np
import pytest

from components.skew_validator.distances import infinity_norm


def test_by_hand() -> None:
    # Shares 0.5, 0.3, 0.2 and 0.1, 0.5, 0.4.
    assert infinity_norm(np.array([5, 3, 2]), np.array([2, 10, 8])) == pytest.approx(0.4)


def test_disjoint_samples_of_one_category_are_as_far_apart_as_can_be() -> None:
    assert infinity_norm(np.array([5, 0]), np.array([0, 2])) == 1
