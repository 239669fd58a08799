"""The standard error of an area, against DeLong's and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from components.roc import delong
from components.roc.hanley_mcneil import standard_error


def test_ten_rows_of_each_class_by_hand() -> None:
    # 0.75 x 0.25 + 9 (0.75 / 1.25 - 0.5625) + 9 (1.125 / 1.75 - 0.5625), over 100 pairs
    variance = (0.1875 + 9 * 0.0375 + 9 * (9 / 14 - 0.5625)) / 100
    assert standard_error(0.75, 10, 10) == pytest.approx(math.sqrt(variance))


def test_it_is_near_delongs_where_its_model_holds() -> None:
    random = np.random.default_rng(0)
    scores = np.concatenate([random.exponential(2.0, 600), random.exponential(1.0, 1_400)])
    labels = np.repeat([1.0, 0.0], [600, 1_400])
    areas, covariance = delong.areas(labels, scores)

    assert standard_error(float(areas[0]), 600, 1_400) == pytest.approx(
        math.sqrt(float(covariance[0, 0])), rel=0.1
    )


def test_it_falls_with_rows_and_is_not_nought_at_the_end() -> None:
    assert standard_error(0.7, 400, 1_600) == pytest.approx(
        standard_error(0.7, 100, 400) / 2, rel=0.02
    )
    assert standard_error(1.0, 3, 10) > 0.01


@pytest.mark.parametrize(("area", "positives", "negatives"), [(1.1, 5, 5), (0.7, 0, 5)])
def test_what_is_no_area_is_refused(area: float, positives: int, negatives: int) -> None:
    with pytest.raises(ValueError, match="rows of both classes"):
        standard_error(area, positives, negatives)
