"""The first answer about each entity, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.performance_validator.entities import first_answers


@pytest.mark.parametrize(
    ("identifiers", "versions", "served", "first"),
    [
        ([[0, 0, 1, 0]], [0, 0, 0, 0], [5, 3, 9, 3], [0, 1, 1, 0]),
        ([[0, 0, 1, 0]], [0, 1, 0, 1], [5, 3, 9, 2], [1, 0, 1, 1]),  # of each version
        ([[0, 0, 0], [0, 1, 0]], [0, 0, 0], [1, 2, 3], [1, 1, 0]),  # two columns name it
        ([[-1, -1, 0]], [0, 0, 0], [1, 1, 1], [1, 1, 1]),  # no entity is known
        ([[0, 0], [0, -1]], [0, 0], [1, 2], [1, 1]),
        ([[]], [], [], []),
    ],
)
def test_one_row_counts_of_each_entity_and_version(identifiers, versions, served, first):
    codes = [np.array(one, np.int64) for one in identifiers]
    found = first_answers(codes, np.array(versions, np.int64), np.array(served, np.float64))
    assert found.tolist() == [bool(one) for one in first]
