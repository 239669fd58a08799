import pytest

from components.serving_validator.replay import percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([3.0], 0.99, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([5.0, 1.0, 3.0], 0.5, 3.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 65)], 0.99, 64.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_percentiles_are_by_nearest_rank(values, share, expected) -> None:
    assert percentile(values, share) == expected
