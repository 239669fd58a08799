"""What is decided before a check's pipeline runs."""

from __future__ import annotations

import dataclasses

import log_gen_records as logs
import pytest
from skew_history import Store

from pipelines import config
from pipelines.config_parts import SkewConfig
from pipelines.skew import planning
from pipelines.skew.planning import Question

# Without what stands for none: the schema below lacks those columns.
TAXI = dataclasses.replace(config.named("taxi"), skew=SkewConfig())
VERSION = "7"  # that answers in `log_gen_records`
MADE = ("examples", "statistics", "schema", "model")


@pytest.fixture
def log(tmp_path):
    rows = logs.serialized([logs.example(fare=5.0)], [0.1])
    logs.write_log(tmp_path / "log", [logs.record("predict", rows, "a")])
    return tmp_path / "log"


class Trained:
    """A pipeline whose version 7 answered, with folders for some of what its run made."""

    def __init__(self, root, there=MADE):
        store = Store(str(root))
        self.ids = dict(zip(MADE, store.trained(VERSION), strict=True))
        self.folders = {what: root / str(id_) for what, id_ in self.ids.items()}
        self.history = store.history
        for what in there:
            self.folders[what].mkdir(parents=True)
        if "schema" in there:
            (self.folders["schema"] / "schema.pbtxt").write_text(logs.SCHEMA_TEXT)

    def plan(self, question):
        made = planning.planned(TAXI, question, lambda: self.history)
        assert made.plan is not None, made.reason
        return made.plan


def reason(question, history=None):
    made = planning.planned(TAXI, question, lambda: history)
    assert made.plan is None
    return made.reason


def test_a_plan_has_what_the_version_that_answered_was_trained_on(log, tmp_path):
    trained = Trained(tmp_path / "artifacts")
    plan = trained.plan(Question(log=log))
    assert plan.baseline is not None
    assert plan.baseline.version == VERSION
    assert plan.baseline.examples.id == trained.ids["examples"]
    assert (plan.period.start_sec, plan.period.window_sec) == (logs.START, 3600)
    assert plan.previous is None
    assert plan.title == (
        "taxi: served 2026-11-21T17:00:00Z to 2026-11-21T18:00:00Z, against what version 7 was "
        "trained on"
    )


@pytest.mark.parametrize(("there", "gone"), [((), "examples"), (("examples",), "model")])
def test_results_of_a_training_that_are_gone_are_named(log, tmp_path, there, gone):
    trained = Trained(tmp_path / "artifacts", there)
    told = reason(Question(log=log), trained.history)
    assert f"the {gone} of the training of version 7 are no longer in" in told
    assert str(trained.folders[gone]) in told


def test_without_a_training_there_is_no_plan(log):
    assert "no model was pushed" in reason(Question(log=log))


def test_a_record_that_comes_late_makes_another_plan(log, tmp_path):
    trained = Trained(tmp_path / "artifacts")
    before = trained.plan(Question(log=log))
    again = trained.plan(Question(log=log))
    assert again.fingerprint == before.fingerprint
    late = logs.record("predict", logs.serialized([logs.example(fare=9.0)], [0.1]), "late")
    logs.write_log(log, [late], name="late")
    after = trained.plan(Question(log=log))
    assert (after.period, after.baseline) == (before.period, before.baseline)
    assert after.fingerprint != before.fingerprint


def test_absent_values_are_those_of_the_schema_of_the_training(log, tmp_path):
    plan = Trained(tmp_path / "artifacts").plan(Question(log=log))
    assert set(plan.absent) == {"company", "fare", "tips"}


def test_without_that_schema_the_curated_one_is_taken(log, tmp_path):
    plan = Trained(tmp_path / "artifacts", ("examples", "model")).plan(Question(log=log))
    assert plan.baseline is not None
    assert plan.baseline.schema is None
    assert "payment_type" in plan.absent


def test_against_the_time_before_no_training_is_needed(log):
    made = planning.planned(TAXI, Question(log=log, against=planning.PREVIOUS), lambda: None)
    assert made.plan is not None
    assert made.plan.baseline is None
    assert made.plan.previous is not None
    assert made.plan.previous.end_sec == made.plan.period.start_sec == logs.START
    assert "2026-11-21T16:00:00Z to 2026-11-21T17:00:00Z" in made.plan.title


def test_rows_that_may_still_come_are_noted(log, tmp_path):
    name = ".r-20261121T170140Z-host-4711-000000.tfrecord.tmp"
    (log / name).write_bytes(b"")
    made = planning.planned(TAXI, Question(log=log), lambda: None)
    assert name in made.notes[0]
    assert "--wait" in made.notes[0]
