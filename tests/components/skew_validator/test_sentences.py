from __future__ import annotations

import numpy as np

from components.skew_validator import sentences
from components.skew_validator.sample import CategoricalSample, NumericSample, Sample
from components.skew_validator.skew import check
from components.skew_validator.terms import Terms
from components.skew_validator.verdict import FeatureVerdict


def judged(training: Sample, serving: Sample) -> FeatureVerdict:
    rng = np.random.default_rng(1)
    [found] = check({"x": training}, {"x": serving}, terms=Terms(), rng=rng).features
    return found


def change(training: Sample, serving: Sample) -> str:
    return sentences.change(judged(training, serving), training, serving)


def test_numbers_are_told_by_their_quartiles() -> None:
    values = np.arange(1001.0)
    said = change(NumericSample.of(values), NumericSample.of(values * 2))
    assert said.startswith(
        "expected a median of 500 (half from 250 to 750), received a median of 1000 (half from "
        "500 to 1500) ("
    )


def test_a_float_cast_to_integer_is_told() -> None:
    values = np.arange(1000) + 0.5
    said = change(NumericSample.of(values), NumericSample.of(np.floor(values)))
    assert "expected whole numbers in 0 % of the values, received them in 100 %" in said


def test_categories_are_told_by_the_one_that_moved_most() -> None:
    training = CategoricalSample(counts={"Cash": 600, "Card": 300, "Other": 100})
    serving = CategoricalSample(counts={b"Cash": 100, b"Card": 500, b"Other": 400})
    said = change(training, serving)
    assert said.startswith("expected 'Cash' in 60 % of the values, received it in 10 % (")


def test_values_that_go_missing_are_told() -> None:
    training = CategoricalSample(counts={"a": 990}, missing=10)
    serving = CategoricalSample(counts={"a": 700}, missing=300)
    assert "expected no value in 1 % of the rows, received it in 30 %" in change(training, serving)


def test_nan_is_told() -> None:
    values = np.arange(1000.0)
    served = np.where(values < 200, np.nan, values)
    said = change(NumericSample.of(values), NumericSample.of(served))
    assert "expected NaN in 0 % of the rows, received it in 20 %" in said


def test_what_did_not_change_is_told_by_its_numbers() -> None:
    sample = CategoricalSample(counts={"a": 500, "b": 500})
    said = sentences.unchanged(judged(sample, sample))
    assert "chi_square 0, chance exceeds" in said
    assert "p = 1" in said
