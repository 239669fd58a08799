import numpy as np
import pytest
from scipy import stats

from components.skew_validator.alignment import Binning, align
from components.skew_validator.distances import get
from components.skew_validator.sample import NumericSample


@pytest.mark.parametrize(("n", "m", "digits"), [(50, 50, 15), (200, 31, 1), (3000, 5000, 15)])
def test_it_is_scipy_s_statistic(n, m, digits) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=n).round(digits), rng.normal(0.3, 1.2, size=m).round(digits)
    aligned = align(NumericSample.of(x), NumericSample.of(y), Binning.DISTINCT)
    found = get("kolmogorov_smirnov").measure(aligned)
    assert found == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)
