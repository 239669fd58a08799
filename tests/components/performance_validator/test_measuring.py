"""Findings made of counts and metrics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from components.performance_validator import measuring
from components.performance_validator.measuring import Question
from components.performance_validator.scored import Scored
from components.performance_validator.slices import Coded, Spec, cut
from components.performance_validator.verdict import Terms

VERSION, ARM = "ringway_model_version", "ringway_arm"
TERMS = Terms(min_labels=100, min_auc=0.5, max_auc_drop=0.0)


def scored(rows: int = 400) -> Scored:
    """Rows of version 7, all told apart; in the second half a candidate's among them."""
    labels = np.tile([1.0, 0.0], rows // 2)
    arms = np.where(np.arange(rows) < rows // 2, -1, np.arange(rows) % 4 // 2)
    return Scored(
        labels=labels,
        predictions=np.where(labels == 1, 0.9, 0.1),
        columns={
            VERSION: Coded(codes=np.zeros(rows, np.int64), values=(7,)),
            ARM: Coded(codes=arms, values=("stable", "candidate")),
            "origin": Coded(codes=np.arange(rows) % 3 // 2, values=("EWR", "JFK")),
        },
    )


SPECS = measuring.specs([Spec(), Spec(columns=("origin",))])
QUESTION = Question(terms=TERMS, served={("7", ""): 200, ("7", "stable"): 150, ("8", ""): 9})


def found(given: Scored, numbers=None, **changed):
    slices = cut(given.columns, SPECS, given.labels.size)
    metrics = {key: dict(numbers or {"auc": 1.0, "calibration": 1.0}) for key in slices.cells}
    question = dataclasses.replace(QUESTION, **changed)
    return measuring.findings_of(given, slices, metrics, question)


def test_slices_are_those_of_evaluator_for_each_version_and_arms():
    assert (
        Spec(columns=(VERSION,)),
        Spec(columns=(VERSION, "origin")),
        Spec(columns=(VERSION, ARM)),
    ) == SPECS


def test_one_verdict_for_each_version_and_the_rest_beside():
    verdicts = found(scored()).by_version
    assert {version: (one.status, one.rows, one.served) for version, one in verdicts.items()} == {
        "7": ("NOT_COMPARED", 400, 350),  # there is no evaluation
        "8": ("NOT_COMPARED", 0, 9),
    }
    beside = [one for one in found(scored()).findings if not one.is_judged]
    assert {(one.slice, one.arm, one.metric) for one in beside} == {
        ("overall", "", "calibration"),
        ("overall", "stable", "auc"),
        ("overall", "stable", "calibration"),
        ("overall", "candidate", "auc"),
        ("overall", "candidate", "calibration"),
        ("origin=EWR", "", "auc"),
        ("origin=JFK", "", "auc"),
    }
    assert {one.rows for one in beside if one.arm} == {100}
    assert {one.served for one in beside if one.arm == "stable"} == {150, None}


def test_baselines_are_looked_up_by_version_slice_and_metric():
    baselines = {"7": {"overall": {"auc": 0.9, "calibration": 1.1}, "origin=EWR": {"auc": 0.8}}}
    known = found(scored(), baselines=baselines)
    assert known.status == "OK"
    verdict = known.by_version["7"]
    assert (verdict.baseline, verdict.bound) == (0.9, pytest.approx(0.9))
    values = {(one.slice, one.arm, one.metric): one.baseline for one in known.findings}
    assert values["overall", "", "calibration"] == 1.1
    assert values["origin=EWR", "", "auc"] == 0.8
    assert values["origin=JFK", "", "auc"] is None
    other = found(scored(), baselines={"8": baselines["7"]})
    assert other.by_version["7"].baseline is None


def test_a_version_whose_predictions_cannot_be_used_is_not_compared():
    given = dataclasses.replace(scored(), unusable={"7": 4, "8": 9})
    baselines = {"7": {"overall": {"auc": 0.9}}}
    # Version 7: 4 of 404, less than a hundredth.
    verdicts = found(given, baselines=baselines).by_version
    assert verdicts["7"].status == "OK"
    assert "received none for 100.0% (9 of 9)" in verdicts["8"].reason
    given = dataclasses.replace(given, unusable={"7": 5, "9": 1})
    verdicts = found(given, baselines=baselines).by_version
    assert verdicts["7"].status == "NOT_COMPARED"
    assert "received none for 1.2% (5 of 405)" in verdicts["7"].reason
    assert set(verdicts) == {"7", "8", "9"}


def test_a_slice_with_few_of_a_class_has_no_interval():
    few = scored(16)  # 8 of each class
    assert all(one.interval is None for one in found(few).findings)


def test_what_is_no_number_is_told_as_none():
    numbers = {"auc": float("nan"), "binary_crossentropy": float("inf")}
    values = {one.metric: one.value for one in found(scored(), numbers).findings}
    assert values == {"auc": None, "binary_crossentropy": None}


def test_a_configuration_without_an_area_gets_the_exact_one():
    assert found(scored(), {"calibration": 1.0}).by_version["7"].value == 1.0


def test_an_area_of_tfma_that_cannot_be_is_noted():
    assert found(scored()).notes == ()
    [note] = found(scored(), {"auc": 0.5}).notes
    assert note.startswith("On 5 slices, such as overall of version 7, TFMA's area lies outside")
