import math

import numpy as np
import pytest

from components import roc
from components.version_selector.selection import compare


def _rows(rows: int = 400) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    random = np.random.default_rng(5)
    labels = (random.random(rows) < 0.4).astype(int)
    good = labels + random.normal(size=rows)
    return labels, {3: good, 4: good + random.normal(size=rows), 5: random.normal(size=rows)}


def test_each_older_version_is_held_against_the_one_that_serves() -> None:
    labels, scores = _rows()
    found = compare(labels, scores, serving=5, error_rate=0.05)
    assert [one.version for one in found.older] == [3, 4]
    for one in found.older:
        alone, _ = roc.areas(labels, [scores[one.version], scores[5]])
        assert one.auc == pytest.approx(alone[0])
        assert one.gain == pytest.approx(alone[0] - alone[1])
        assert one.gain_low < one.gain < one.gain_high
    assert found.serving_auc == pytest.approx(alone[1])


def test_the_more_versions_the_wider_the_intervals() -> None:
    labels, scores = _rows()
    # Two intervals at once: 0.975 each, of which the normal quantile is 2.241; 1.960 for one.
    two = compare(labels, scores, serving=5, error_rate=0.05)
    one = compare(labels, {3: scores[3], 5: scores[5]}, serving=5, error_rate=0.05)
    assert [two.confidence, one.confidence] == pytest.approx([0.975, 0.95])
    widths = [found.older[0].gain - found.older[0].gain_low for found in (two, one)]
    assert widths[0] / widths[1] == pytest.approx(2.241403 / 1.959964, rel=1e-5)


def test_of_many_versions_without_a_difference_few_seem_better() -> None:
    """Of 200 spans with ten older versions that are noise, 5 % at most may have any sure gain."""
    random = np.random.default_rng(9)
    fooled = 0
    for _ in range(200):
        labels = np.repeat([0, 1], [150, 50])
        scores = {version: random.normal(size=200) for version in range(11)}
        found = compare(labels, scores, serving=0, error_rate=0.05)
        fooled += any(one.gain_low > 0 for one in found.older)
    # Three binomial standard errors above the bound; the upper half of the intervals is not asked.
    assert fooled <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05 * 0.95)


def test_one_class_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="rows of each class"):
        compare(np.ones(10), {1: np.arange(10.0), 2: np.arange(10.0)}, serving=1, error_rate=0.05)
