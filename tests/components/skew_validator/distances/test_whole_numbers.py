import numpy as np
import pytest

from components.skew_validator.alignment import Binning, align
from components.skew_validator.distances import get
from components.skew_validator.sample import NumericSample


def test_by_hand() -> None:
    # Of 4 values one is whole, of 5 (inf and NaN have no say) four are.
    training = NumericSample.of(np.array([0.5, -2.0, 1.25, 1e-9]))
    serving = NumericSample.of(np.array([0.0, 7.0, -3.0, 1e300, 0.1, np.inf, np.nan]))
    aligned = align(training, serving, Binning.WHOLE)
    assert aligned.training.tolist() == [1, 3]
    assert aligned.serving.tolist() == [4, 1]
    assert get("whole_numbers").measure(aligned) == pytest.approx(0.8 - 0.25)
