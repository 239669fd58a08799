"""Rules of the whole check, on rows made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.skew_validator import findings
from components.skew_validator.findings import ALARM, NOT_COMPARED, OK, Finding, Findings
from components.skew_validator.question import Data, Question
from components.skew_validator.ranking import rank
from components.skew_validator.rows import Column, Rows
from components.skew_validator.settings import Settings
from components.skew_validator.validation import validate
from components.skew_validator.verdict import NotCompared, Reason

SCHEMA = text_format.Parse(
    """
    default_environment: "SERVING"
    feature { name: "x" type: FLOAT presence { min_fraction: 1.0 min_count: 1 }
              skew_comparator { jensen_shannon_divergence { threshold: 0.9 } } }
    feature { name: "rare" type: INT }
    feature { name: "id" type: INT presence { min_count: 1 } }
    """,
    schema_pb2.Schema(),
)


def numbers(values: np.ndarray, present: Any = True, several: int = 0) -> Column:
    return Column(values=values, present=np.full(values.size, True) & present, several=several)


def rows(count: int = 2000, seed: int = 0, **columns: Column) -> Rows:
    rng = np.random.default_rng(seed)
    made = {"x": numbers(rng.normal(size=count)), "id": numbers(np.arange(count) + seed * 10**6)}
    made |= columns
    frame = pd.DataFrame(
        {name: column.values for name, column in made.items() if not name.startswith("ringway")}
    )
    return Rows(
        columns=made,
        count=count,
        seen=count,
        statistics=tfdv.generate_statistics_from_dataframe(frame),
    )


def compare(training: Rows | None, serving: Rows, **question: Any) -> Findings:
    settings = Settings.of({"identifiers": ["id"]})
    data = Data(
        schema=SCHEMA,
        serving=serving,
        serving_statistics=serving.statistics,
        baseline=training,
        baseline_statistics=training.statistics if training else None,
        predictions=question.pop("predictions", None),
    )
    found, _ = validate(data, Question(settings=settings, **question))
    return found


def told(found: Findings) -> set[tuple[str, str, str]]:
    return {(one.kind, one.feature, one.status) for one in found.findings}


def test_what_identifies_each_row_is_not_compared_as_a_distribution() -> None:
    found = compare(rows(), rows(seed=1))
    assert found.status == OK
    assert told(found) == {("distribution", "x", OK), ("comparator", "x", OK)}


def test_an_identifier_that_many_rows_share_is_a_feature() -> None:
    ids = np.arange(2000) % 10
    found = compare(rows(id=numbers(ids)), rows(seed=1, id=numbers(ids // 2)))
    assert ("distribution", "id", ALARM) in told(found)


def test_a_feature_that_is_not_required_may_be_too_rare() -> None:
    rare = numbers(np.zeros(2000, int), present=np.arange(2000) == 7)
    found = compare(rows(rare=rare), rows(seed=1))
    assert ("distribution", "rare", NOT_COMPARED) in told(found)
    assert found.status == OK
    assert found.cause == ""


def test_a_feature_that_is_not_required_and_vanishes_alarms() -> None:
    often = numbers(np.arange(2000), present=np.arange(2000) % 2 == 0)
    found = compare(rows(rare=often), rows(seed=1))
    assert ("distribution", "rare", ALARM) in told(found)
    assert "expected no value in 50 % of the rows, received it in 100 %" in found.cause


def test_one_rate_of_false_alarms_is_shared_with_predictions() -> None:
    predictions = np.random.default_rng(3).uniform(size=2000)
    served = rows(seed=1, ringway_prediction=numbers(predictions))
    alone = compare(rows(), served)
    both = compare(rows(), served, predictions=numbers(predictions))
    assert ("prediction", "ringway_prediction", OK) in told(both)
    assert both.alpha < alone.alpha


def test_predictions_that_cannot_be_had_do_not_bless() -> None:
    refused = NotCompared(Reason.NO_BASELINE, "no model.")
    found = compare(rows(), rows(seed=1), predictions=refused)
    assert (found.status, found.cause) == (NOT_COMPARED, "ringway_prediction: no model.")


def test_predictions_of_classes_are_compared_as_classes() -> None:
    classes = np.arange(2000) % 3
    served = rows(seed=1, ringway_prediction=numbers(np.zeros(2000, int)))
    found = compare(rows(), served, predictions=numbers(classes))
    assert found.cause.startswith("ringway_prediction: expected '0' in 33.4 % of the values")


def test_a_reader_is_told_what_was_done_to_the_rows() -> None:
    served = rows(
        seed=1,
        x=numbers(np.random.default_rng(1).normal(size=2000), several=3),
        ringway_sampling_rate=numbers(np.full(2000, 0.25)),
    )
    notes = " ".join(compare(rows(), served).notes)
    assert "several values of x" in notes
    assert "a share of 0.25 of the requests" in notes


@pytest.mark.parametrize("against", ["training", "previous"])
def test_changes_are_skew_or_drift(against: str) -> None:
    shifted = rows(seed=1, x=numbers(np.random.default_rng(1).normal(1.0, size=2000)))
    found = compare(rows(), shifted, against=against)
    kind = {"training": "distribution", "previous": "drift"}[against]
    assert (kind, "x", ALARM) in told(found)


def test_alarms_come_first_then_what_has_to_be_compared() -> None:
    made = [
        Finding(kind="drift", feature="a", status=OK),
        Finding(kind="drift", feature="b", status=NOT_COMPARED, optional=True),
        Finding(kind="drift", feature="c", status=NOT_COMPARED),
        Finding(kind="drift", feature="d", status=ALARM, severity=1.0),
        Finding(kind="drift", feature="e", status=ALARM, severity=2.0, optional=True),
        Finding(kind="schema", feature="f", status=ALARM, severity=float("inf")),
    ]
    assert "".join(one.feature for one in rank(made)) == "fedcba"
    assert {one.kind for one in made} <= set(findings.KINDS)


def test_an_optional_prediction_may_stay_uncompared() -> None:
    settings = Settings.of({"identifiers": ["id"], "optional": ["ringway_prediction"]})
    training, serving = rows(), rows(seed=1)
    data = Data(
        schema=SCHEMA,
        serving=serving,
        serving_statistics=serving.statistics,
        baseline=training,
        baseline_statistics=training.statistics,
        predictions=NotCompared(Reason.NO_BASELINE, "no model."),
    )
    found, _ = validate(data, Question(settings=settings))
    assert found.status == OK


def test_a_baseline_without_rows_does_not_bless_though_predictions_are_there() -> None:
    served = rows(seed=1, ringway_prediction=numbers(np.linspace(0, 1, 2000)))
    empty = rows()
    nothing = Rows(columns={}, count=0, seen=0, statistics=empty.statistics)
    found = compare(nothing, served, predictions=numbers(np.linspace(0, 1, 2000)))
    assert found.status == NOT_COMPARED


def test_values_of_two_kinds_do_not_bless_though_the_feature_is_not_required() -> None:
    texts = Column(
        values=np.zeros(2000, np.int32), present=np.full(2000, True), names=(b"one",), several=0
    )
    training = rows()
    training = Rows(
        columns={**training.columns, "rare": texts},
        count=training.count,
        seen=training.seen,
        statistics=training.statistics,
    )
    found = compare(training, rows(seed=1, rare=numbers(np.arange(2000))))
    assert ("distribution", "rare", NOT_COMPARED) in told(found)
    assert found.status == NOT_COMPARED
