"""When live performance is degraded, as tables."""

from __future__ import annotations

import dataclasses

import pytest

from components.performance_validator.area import Area
from components.performance_validator.verdict import (
    DEGRADED,
    NOT_COMPARED,
    OK,
    Baseline,
    Sample,
    Terms,
    judge,
)

TERMS = Terms(
    min_labels=500, min_labelled_share=0.5, max_auc_drop=0.02, min_auc=0.6, confidence=0.95
)
ENOUGH = Sample(served=1000, labelled=900, positives=200)


def area(low: float, high: float) -> Area:
    return Area(value=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("low", "high", "baseline", "status", "bound"),
    [
        (0.61, 0.66, 0.70, DEGRADED, 0.68),
        (0.61, 0.6799, 0.70, DEGRADED, 0.68),
        (0.61, 0.68, 0.70, OK, 0.68),  # it reaches the bound
        (0.61, 0.69, 0.70, OK, 0.68),
        (0.69, 0.75, 0.70, OK, 0.68),
        (0.75, 0.80, 0.70, OK, 0.68),  # better than it promised
        (0.40, 0.59, 0.61, DEGRADED, 0.60),  # 0.59 would be below the least in any case
        (0.55, 0.61, 0.61, OK, 0.60),
        (0.40, 0.59, None, DEGRADED, 0.60),
        (0.70, 0.75, None, NOT_COMPARED, 0.60),  # fine, perhaps: nobody knows how good it was
    ],
)
def test_only_an_interval_that_is_wholly_below_is_degraded(low, high, baseline, status, bound):
    evaluated = None if baseline is None else Baseline(area=baseline)
    found = judge(ENOUGH, area(low, high), baseline=evaluated, terms=TERMS)
    assert found.status == status
    assert found.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (Sample(served=499, labelled=499, positives=100), "expected at least 500 rows with a"),
        (Sample(served=0, labelled=0, positives=0), "received 0 of 0"),
        (Sample(served=2000, labelled=900, positives=200), "received them for 45.0% (900 of 2,000"),
        (Sample(served=1000, labelled=900, positives=9), "received 9 with 1 and 891 with 0"),
        (
            Sample(served=1000, labelled=900, positives=200, unusable=10),
            "none for 1.1% (10 of 910)",
        ),
        (
            Sample(served=1000, labelled=0, positives=0, unusable=900),
            "none for 100.0% (900 of 900)",
        ),
        (
            Sample(served=1000, labelled=900, positives=100, entities=499),
            "labels of at least 500 entities, received those of 499, which 900 rows are about",
        ),
        (
            Sample(served=1000, labelled=900, positives=9, entities=600),
            "received 9 with 1 and 591 with 0, by the first answer about each of 600 entities",
        ),
        (Sample(served=1000, labelled=900, positives=900), "received 900 with 1 and 0 with 0"),
    ],
)
def test_too_little_is_never_judged_however_bad_it_looks(sample, reason):
    found = judge(sample, area(0.1, 0.2), baseline=Baseline(area=0.7), terms=TERMS)
    assert (found.status, found.bound) == (NOT_COMPARED, None)
    assert reason in found.reason


def test_without_an_area_nothing_is_judged():
    assert judge(ENOUGH, None, baseline=Baseline(area=0.7), terms=TERMS).status == NOT_COMPARED


def test_a_hundredth_may_be_without_a_prediction():
    sample = Sample(served=1000, labelled=891, positives=200, unusable=9)
    assert judge(sample, area(0.7, 0.75), baseline=Baseline(area=0.7), terms=TERMS).status == OK


def test_reasons_tell_that_entities_came_again():
    sample = Sample(served=1000, labelled=900, positives=200, entities=600)
    found = judge(sample, area(0.7, 0.75), baseline=Baseline(area=0.7), terms=TERMS)
    assert found.status == OK
    assert "(0.7000 to 0.7500), by the first answer about each of 600 entities" in found.reason


def test_half_of_the_labels_are_half():
    sample = Sample(served=1000, labelled=500, positives=100)
    assert judge(sample, area(0.7, 0.75), baseline=Baseline(area=0.7), terms=TERMS).status == OK


def test_reasons_name_what_was_expected():
    found = judge(ENOUGH, area(0.61, 0.66), baseline=Baseline(area=0.7), terms=TERMS)
    assert found.reason == (
        "expected at least 0.6800, the evaluation's 0.7000 less 0.02, received 0.6350 "
        "(0.6100 to 0.6600)"
    )
    found = judge(ENOUGH, area(0.5, 0.55), baseline=Baseline(area=0.61), terms=TERMS)
    assert "0.6000, which is asked for in any case" in found.reason


def test_terms_are_those_of_a_configuration_and_other_fields_are_passed_over():
    fields = {**dataclasses.asdict(TERMS), "label_fn": "a.b", "max_delay_sec": 1.0}
    assert Terms.of(fields) == TERMS
    assert Terms.of("{}") == Terms()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_labels", 0),
        ("min_labelled_share", 1.1),
        ("max_auc_drop", -0.1),
        ("min_auc", 2),
        ("confidence", 1.0),
        ("confidence", 0.0),
    ],
)
def test_terms_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Terms.of({name: value})


@pytest.mark.parametrize(
    ("error", "status", "bound"),
    [
        (0.0, DEGRADED, 0.68),
        # Half widths of 0.03, the window's, and 1.96 x 0.0204 = 0.04, the evaluation's, make one of
        # 0.05: the bound is 0.02 lower.
        (0.0204085, OK, 0.66),
        (1.0, OK, 0.60),  # an evaluation that says nothing leaves the least that is asked for
    ],
)
def test_an_evaluation_of_few_rows_is_not_taken_for_certain(
    error: float, status: str, bound: float
) -> None:
    evaluated = Baseline(area=0.70, error=error)
    found = judge(ENOUGH, area(0.605, 0.665), baseline=evaluated, terms=TERMS)
    assert found.status == status
    assert found.bound == pytest.approx(bound, abs=1e-4)
