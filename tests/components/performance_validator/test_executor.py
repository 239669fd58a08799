"""The executor on real artifacts: served trips with labels, and an evaluation by TFMA."""

from __future__ import annotations

import pytest
import tensorflow_model_analysis as tfma
from performance_artifacts import (
    evaluation,
    execute,
    labelled,
    labels_of,
    scores_of,
    trips,
)
from sklearn.metrics import roc_auc_score

from components.performance_validator import keys
from components.performance_validator.scored import LabelsError

# TFMA 0.47 makes scalars of arrays in a way that NumPy 1.25 began to warn of.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Conversion of an array with ndim:DeprecationWarning:tensorflow_model_analysis"
)

GOOD = 1.0  # an area of 0.7602


@pytest.fixture(scope="module")
def promised(tmp_path_factory):
    """An evaluation of a model whose area is about 0.76."""
    return evaluation(tmp_path_factory.mktemp("evaluation"), trips(3000, skill=GOOD, seed=1))


def test_a_model_that_does_what_was_promised_is_blessed(tmp_path, promised):
    rows = trips(1500, skill=GOOD, seed=2)
    found = execute(tmp_path, labelled(tmp_path / "rows", rows), {"7": promised})
    assert (found.findings.status, found.findings.cause) == ("OK", "")
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 1
    assert found.artifact.get_string_custom_property(keys.STATUS) == "OK"
    assert found.artifact.get_string_custom_property(keys.CAUSE) == ""
    assert found.artifact.get_int_custom_property(keys.LABELLED_ROWS) == 1500
    [verdict] = found.findings.by_version.values()
    assert (verdict.version, verdict.rows, verdict.served) == ("7", 1500, 1500)
    exact = roc_auc_score(labels_of(rows), scores_of(rows))
    assert verdict.value == pytest.approx(exact, abs=1e-4)
    assert verdict.interval is not None
    assert verdict.interval[0] < exact < verdict.interval[1]
    baseline = trips(3000, skill=GOOD, seed=1)
    expected = roc_auc_score(labels_of(baseline), scores_of(baseline))
    assert verdict.baseline == pytest.approx(expected, abs=1e-4)
    assert verdict.bound == pytest.approx(expected - 0.02, abs=1e-4)


def test_a_model_that_has_become_a_coin_is_degraded(tmp_path, promised):
    rows = labelled(tmp_path / "rows", trips(1500, skill=0.0, seed=3))
    found = execute(tmp_path, rows, {"7": promised})
    assert found.findings.status == "DEGRADED"
    assert found.findings.cause.startswith("auc of version 7: expected at least 0.7")
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 0
    assert found.artifact.get_int_custom_property(keys.DEGRADED) == 1
    assert found.findings.version == "7"
    assert found.findings.interval is not None
    assert found.findings.bound is not None
    assert found.findings.interval[1] < found.findings.bound


def test_slices_and_other_metrics_are_reported_beside(tmp_path, promised):
    rows = labelled(tmp_path / "rows", trips(1500, skill=GOOD, seed=2))
    found = execute(tmp_path, rows, {"7": promised})
    slices = {one.slice: one for one in found.findings.findings if one.slice != "overall"}
    assert set(slices) == {"company=Blue", "company=Red"}
    assert sum(one.rows for one in slices.values()) == 1500
    for one in slices.values():
        assert one.status == "MEASURED"
        assert one.bound is None
        assert one.baseline == pytest.approx(0.76, abs=0.05)
        assert one.interval is not None
    whole = {one.metric for one in found.findings.findings if one.slice == "overall"}
    assert {"auc", "binary_accuracy", "binary_crossentropy", "calibration"} <= whole
    result = tfma.load_eval_result(str(found.folder))
    assert len(result.slicing_metrics) == 3


def test_each_version_is_judged_by_its_own_evaluation(tmp_path, promised):
    worse = evaluation(tmp_path / "worse", trips(3000, skill=0.2, seed=4))
    served = trips(1500, skill=GOOD, seed=2) + trips(1500, skill=0.2, version=8, seed=5)
    rows = labelled(tmp_path / "rows", served)
    found = execute(tmp_path, rows, {"7": promised, "8": worse})
    assert found.findings.status == "OK"
    verdicts = found.findings.by_version
    assert {version: one.status for version, one in verdicts.items()} == {"7": "OK", "8": "OK"}
    swapped = execute(tmp_path / "swapped", rows, {"7": worse, "8": promised})
    assert swapped.findings.by_version["7"].status == "OK"
    assert swapped.findings.by_version["8"].status == "DEGRADED"
    assert (swapped.findings.status, swapped.findings.version) == ("DEGRADED", "8")


def test_two_versions_may_have_one_evaluation(tmp_path, promised):
    served = trips(1500, skill=GOOD, seed=2) + trips(1500, skill=GOOD, version=8, seed=5)
    rows = labelled(tmp_path / "rows", served)
    found = execute(tmp_path, rows, {"7": promised, "8": promised})
    verdicts = found.findings.by_version
    assert {version: one.status for version, one in verdicts.items()} == {"7": "OK", "8": "OK"}


def test_predictions_that_cannot_be_used_are_not_passed_over(tmp_path, promised):
    rows = trips(1500, skill=GOOD)
    for row in rows[:200]:
        row["ringway_prediction"] = float("nan")
    found = execute(tmp_path, labelled(tmp_path / "rows", rows), {"7": promised})
    assert found.findings.status == "NOT_COMPARED"
    assert "received none for 13.3% (200 of 1,500)" in found.findings.cause


def test_an_entity_counts_once_however_often_it_was_asked_about(tmp_path, promised):
    once = trips(600, skill=0.8, seed=2)
    for place, row in enumerate(once):
        row |= {"trip_id": b"T%d" % place, "ringway_served_at": 1000 + place}
    # Each again and again, and then the prediction is a wild guess.
    again = [
        {**row, "ringway_served_at": 5000 + number, "ringway_prediction": 0.5}
        for number in range(9)
        for row in once
    ]
    alone = execute(tmp_path / "alone", labelled(tmp_path / "once", once), {"7": promised})
    rows = labelled(tmp_path / "rows", [*again, *once])
    found = execute(tmp_path, rows, {"7": promised}, identifiers=["trip_id"])
    [expected], [verdict] = (one.findings.by_version.values() for one in (alone, found))
    assert verdict.interval == expected.interval
    assert (verdict.status, verdict.rows) == (expected.status, 6000)
    assert verdict.value == pytest.approx(roc_auc_score(labels_of(once), scores_of(once)))
    assert "by the first answer about each of 600 entities" in verdict.reason
    assert any(note.startswith("5,400 of 6,000 labelled rows") for note in found.findings.notes)
    few = execute(tmp_path / "few", rows, {"7": promised}, identifiers=["trip_id"], min_labels=601)
    assert few.findings.status == "NOT_COMPARED"
    assert "received those of 600, which 6,000 rows are about" in few.findings.cause


def test_arms_of_a_rollout_are_measured(tmp_path, promised):
    served = trips(1200, skill=GOOD, arm="stable", seed=2)
    served += trips(300, skill=0.0, version=8, arm="candidate", seed=5)
    served += trips(500, skill=GOOD, seed=6)  # before the rollout
    found = execute(tmp_path, labelled(tmp_path / "rows", served), {"7": promised})
    arms = {
        (one.version, one.arm): one
        for one in found.findings.findings
        if one.arm and one.metric == "auc"
    }
    assert {key: (one.rows, one.served) for key, one in arms.items()} == {
        ("7", "stable"): (1200, 1200),
        ("8", "candidate"): (300, 300),
    }
    assert found.findings.by_version["7"].rows == 1700
    assert found.findings.by_version["8"].status == "NOT_COMPARED"
    assert found.findings.status == "OK"


@pytest.mark.parametrize(
    ("count", "unmatched", "reason"),
    [
        (400, 0, "expected at least 500 rows with a label, received 400 of 400"),
        (600, 700, "received them for 46.2% (600 of 1,300)"),
    ],
)
def test_too_few_labels_are_never_judged(tmp_path, promised, count, unmatched, reason):
    rows = labelled(tmp_path / "rows", trips(count, skill=0.0), unmatched)
    found = execute(tmp_path, rows, {"7": promised})
    assert found.findings.status == "NOT_COMPARED"
    assert reason in found.findings.cause
    assert found.artifact.get_int_custom_property(keys.BLESSED) == 0


def test_one_class_only_is_never_judged(tmp_path, promised):
    rows = [{**row, "tips": 1.0} for row in trips(1000, skill=GOOD)]
    found = execute(tmp_path, labelled(tmp_path / "rows", rows), {"7": promised})
    assert found.findings.status == "NOT_COMPARED"
    assert "received 0 with 1 and 1,000 with 0" in found.findings.cause
    [verdict] = found.findings.by_version.values()
    assert verdict.interval is None


def test_without_an_evaluation_only_the_least_area_decides(tmp_path):
    fine = labelled(tmp_path / "rows", trips(1500, skill=GOOD))
    found = execute(tmp_path, fine)
    assert found.findings.status == "NOT_COMPARED"
    assert "expected an evaluation of this version" in found.findings.cause
    found = execute(tmp_path / "again", fine, min_auc=0.85)
    assert found.findings.status == "DEGRADED"


def test_rows_of_an_unknown_version_are_judged_apart(tmp_path, promised):
    served = trips(1500, skill=GOOD) + trips(600, skill=0.0, version=None)
    found = execute(tmp_path, labelled(tmp_path / "rows", served), {"7": promised}, min_auc=0.6)
    assert {version: one.status for version, one in found.findings.by_version.items()} == {
        "7": "OK",
        "": "DEGRADED",
    }
    assert found.findings.cause.startswith("auc of version (unknown)")


def test_no_labelled_row_is_no_failure(tmp_path, promised):
    artifact = labelled(tmp_path / "rows", [])
    found = execute(tmp_path, artifact, {"7": promised})
    assert (found.findings.status, found.findings.cause) == ("NOT_COMPARED", "nothing was served")


def test_rows_without_a_label_or_a_prediction_are_told(tmp_path, promised):
    rows = trips(1500, skill=GOOD)
    for row in rows[:20]:
        row["tips"] = None
    for row in rows[20:25]:
        row["ringway_prediction"] = float("nan")
    for row in rows[25:28]:
        row["ringway_prediction"] = 1.5
    found = execute(tmp_path, labelled(tmp_path / "rows", rows), {"7": promised})
    assert found.findings.by_version["7"].rows == 1472
    assert any(note.startswith("Of 20 rows the label could not") for note in found.findings.notes)
    assert any(note.startswith("8 rows have no prediction") for note in found.findings.notes)


def test_it_says_the_same_every_time(tmp_path, promised):
    rows = labelled(tmp_path / "rows", trips(900, skill=0.5))
    texts = [
        (execute(tmp_path / name, rows, {"7": promised}).folder / keys.FINDINGS_FILE).read_text()
        for name in ("one", "two")
    ]
    assert texts[0] == texts[1]


def test_a_function_that_is_not_there_is_named(tmp_path):
    rows = labelled(tmp_path / "rows", trips(10, skill=0.0))
    with pytest.raises(LabelsError, match=r"received 'nowhere\.at_all'"):
        execute(tmp_path, rows, label_fn="nowhere.at_all")
