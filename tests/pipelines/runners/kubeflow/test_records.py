"""Verdicts over how nodes stand, as tables."""

import pytest

from pipelines.lineage.keys import RunState
from pipelines.runners.kubeflow import records
from pipelines.runners.kubeflow.records import NodeRecord
from pipelines.runners.local.schedule import NodeState
from pipelines.verdicts import GateResult, Objection

ANOMALY = GateResult(
    node_id="Validator",
    state=RunState.ANOMALIES,
    objections=(Objection(subject="fare", reason="is a text", remedy="Mend it."),),
)
BLESSED = GateResult(node_id="Evaluator", state=RunState.REJECTED, blessed=True)


def record(node_id: str, state: str, **more: object) -> NodeRecord:
    return NodeRecord(node_id=node_id, state=NodeState(state), **more)  # type: ignore[arg-type]


def test_a_record_survives_json() -> None:
    made = record(
        "Validator", "ran", execution_id=7, seconds=1.5, rows=3, gate=ANOMALY, pushed_to="/m/1"
    )
    assert NodeRecord.from_json(made.to_json()) == made
    assert NodeRecord.from_json(record("A", "failed").to_json()) == record("A", "failed")


RAN, FAILED = record("A", "ran"), record("B", "failed", failure="no\nway")


@pytest.mark.parametrize(
    ("found", "state", "reason"),
    [
        ([RAN], RunState.SUCCEEDED, ""),
        ([RAN, record("E", "ran", gate=BLESSED)], RunState.BLESSED, ""),
        ([record("S", "skipped"), record("E", "ran", gate=BLESSED)], RunState.SUCCEEDED, ""),
        ([RAN, FAILED], RunState.FAILED, "B: no"),
        ([FAILED, record("V", "cached", gate=ANOMALY)], RunState.ANOMALIES, "fare: is a text"),
        ([record("C", "cancelled"), FAILED], RunState.CANCELLED, "stopped by the user"),
    ],
)
def test_outcomes(found: list[NodeRecord], state: str, reason: str) -> None:
    outcome = records.outcome(found)
    assert (outcome.state, outcome.reason) == (state, reason)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["ran", "waiting"], ["ran", "skipped"]),
        (["failed", "waiting"], ["failed", "waiting"]),
        (["running", "waiting"], ["failed", "waiting"]),
        (["cancelled", "waiting"], ["cancelled", "waiting"]),
    ],
)
def test_what_is_left_when_nothing_goes_on(before: list[str], after: list[str]) -> None:
    found = [record(str(number), state) for number, state in enumerate(before)]
    assert list(records.states(records.as_finished(found)).values()) == after
