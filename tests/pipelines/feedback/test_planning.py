"""What is decided before a check of live performance runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import log_gen_records as logs
import pytest
from skew_history import Store

from pipelines import config
from pipelines.config_parts import FeedbackConfig, SkewConfig
from pipelines.errors import UsageError
from pipelines.feedback import planning
from pipelines.feedback.planning import Question

# Without what stands for none: the schema below lacks those columns.
TAXI = dataclasses.replace(
    config.named("taxi"),
    skew=SkewConfig(),
    feedback=FeedbackConfig(label_fn="pipelines.taxi.labels.big_tip", max_delay_sec=600.0),
)
VERSION = "7"  # that answers in `log_gen_records`


class Served:
    """A log of one request, and the label of it."""

    def __init__(self, root: Path) -> None:
        self.log = root / "log"
        self.labels = root / "labels"
        rows = logs.serialized([logs.example(fare=5.0)], [0.1])
        logs.write_log(self.log, [logs.record("predict", rows, "a")])
        self.deliver("labels-20261121T170500Z-a.csv")

    def deliver(self, name: str) -> None:
        self.labels.mkdir(exist_ok=True)
        (self.labels / name).write_text("request_id,tips\na,2.5\n")

    def question(self, **changed):
        given = Question(
            log=self.log,
            labels=self.labels,
            since=logs.START,
            until=logs.START + logs.HOUR,
            as_of=logs.START + logs.HOUR + 600.0,
        )
        return dataclasses.replace(given, **changed)


@pytest.fixture
def served(tmp_path):
    return Served(tmp_path)


def evaluated(root: Path, version: str = VERSION, times: int = 1):
    """A pipeline that pushed a version and evaluated it so often; returns its history, and URIs."""
    store = Store(str(root))
    *_, model = store.trained(version)
    uris = []
    for _ in range(times):
        [id_] = store.made("Evaluator", [model], [("ModelEvaluation", {})])
        uris.append(store.artifacts[id_].uri)
    return store.history, uris


def planned(question, history=None, taxi=TAXI):
    return planning.planned(taxi, question, lambda: history)


def test_a_plan_has_the_newest_evaluation_of_the_version_that_answered(served, tmp_path):
    history, uris = evaluated(tmp_path / "artifacts", times=2)
    for uri in uris:
        Path(uri).mkdir(parents=True)
    made = planned(served.question(), history)
    assert (made.reason, made.notes) == ("", ())
    assert made.plan is not None
    assert made.plan.evaluations == {VERSION: uris[1]}
    assert (made.plan.period.start_sec, made.plan.period.end_sec) == (
        logs.START,
        logs.START + logs.HOUR,
    )
    assert made.plan.title == (
        "taxi: served 2026-11-21T17:00:00Z to 2026-11-21T18:00:00Z, with the labels known at "
        "2026-11-21T18:10:00Z"
    )


def test_versions_without_an_evaluation_are_told(served, tmp_path):
    made = planned(served.question())
    assert made.plan is not None
    assert made.plan.evaluations == {}
    assert made.notes == ("ML Metadata knows no evaluation of version 7",)
    history, [uri] = evaluated(tmp_path / "artifacts")
    made = planned(served.question(), history)
    assert made.notes == (f"the evaluation of version 7 is no longer in {uri}",)


def test_what_cannot_be_judged_is_told_without_a_plan(served, tmp_path):
    taxi = dataclasses.replace(TAXI, feedback=FeedbackConfig())
    assert "feedback.label_fn is not set" in planned(served.question(), taxi=taxi).reason
    earlier = served.question(since=logs.START - logs.HOUR, until=logs.START)
    assert planned(earlier).reason.startswith("nothing was served from 2026-11-21T16:00:00Z")
    nowhere = served.question(log=tmp_path / "nowhere")
    assert planned(nowhere).reason.startswith("nothing was served")
    unlabelled = served.question(labels=tmp_path / "nothing")
    assert planned(unlabelled).reason.startswith("no label of 2026-11-21T17:00:00Z to ")


def test_labels_that_come_later_are_not_known_yet(served):
    made = planned(served.question(as_of=logs.START + 200.0))
    assert made.plan is None
    assert made.reason.startswith("no label of")


def test_another_delivery_makes_another_plan(served):
    before = planned(served.question()).plan
    again = planned(served.question()).plan
    assert before == again
    served.deliver("labels-20261121T171000Z-b.csv")
    after = planned(served.question()).plan
    assert before is not None
    assert after is not None
    assert after.labels_fingerprint != before.labels_fingerprint
    assert after.fingerprint == before.fingerprint


def test_what_a_shadow_answered_is_nobodys_answer(tmp_path, served):
    shadow = logs.record(
        "predict",
        logs.serialized([logs.example(fare=5.0)], [0.9]),
        "a",
        spec=logs.model_spec(version=8),
        rollout=("2f3a", "shadow"),
    )
    logs.write_log(served.log, [shadow], name="shadow")
    made = planned(served.question())
    assert made.notes == ("ML Metadata knows no evaluation of version 7",)
    alone = tmp_path / "alone"
    logs.write_log(alone, [shadow])
    assert planned(served.question(log=alone)).reason.startswith("nothing was served")


def test_times_that_make_no_window_are_refused(served):
    with pytest.raises(UsageError, match="end: expected a time after start"):
        planned(served.question(until=logs.START))
