"""How the nodes of a run stand, kept where every task finds it: on their executions.

On one machine the runner holds this in memory. Tasks of a cluster share nothing but ML Metadata, so
each writes down how its node ended, and whoever needs the whole picture reads it from there.
`outcome` is the verdict over it, the same as the local runner's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from pipelines import verdicts
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.local.schedule import NodeState
from pipelines.verdicts import GateResult, Objection, Outcome

_EXECUTION = metadata_store_pb2.Execution
_ENDED = {
    _EXECUTION.COMPLETE: NodeState.RAN,
    _EXECUTION.CACHED: NodeState.CACHED,
    _EXECUTION.FAILED: NodeState.FAILED,
    _EXECUTION.CANCELED: NodeState.CANCELLED,
}
DONE = (_EXECUTION.COMPLETE, _EXECUTION.CACHED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeRecord:
    """How a node stands or ended.

    Attributes:
        node_id: The node.
        state: Its state.
        execution_id: Its execution; 0 where there is none.
        seconds: How long it took.
        rows: How many examples it saw; None where that is not known.
        failure: Why it failed; empty if it did not.
        remedy: What to do about that.
        gate: What it said, if it is a gate.
        pushed_to: The folder of the model version that it pushed, if it did.
    """

    node_id: str
    state: NodeState
    execution_id: int = 0
    seconds: float = 0.0
    rows: int | None = None
    failure: str = ""
    remedy: str = ""
    gate: GateResult | None = None
    pushed_to: str = ""

    def to_json(self) -> str:
        """Returns what is kept with the execution."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NodeRecord:
        """Returns the record that `to_json` wrote."""
        values = json.loads(text)
        gate = values.pop("gate")
        if gate is not None:
            objections = tuple(Objection(**one) for one in gate.pop("objections"))
            gate = GateResult(**gate, objections=objections)
        return cls(**{**values, "state": NodeState(values["state"]), "gate": gate})


def executions_of_node(
    store: ml_metadata.MetadataStore, pipeline: str, run_id: str, node_id: str
) -> list[metadata_store_pb2.Execution]:
    """Returns a node's executions in a run, the oldest first."""
    node = store.get_context_by_type_and_name(keys.NODE_CONTEXT, f"{pipeline}.{node_id}")
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    if node is None or run is None:
        return []
    within = {execution.id for execution in store.get_executions_by_context(node.id)}
    found = [e for e in store.get_executions_by_context(run.id) if e.id in within]
    return sorted(found, key=lambda execution: execution.id)


def write(store: ml_metadata.MetadataStore, record: NodeRecord, **notes: str | int) -> None:
    """Keeps a record with its execution, and further custom properties beside it."""
    [execution] = store.get_executions_by_id([record.execution_id])
    execution.custom_properties[keys.NODE_REPORT].string_value = record.to_json()
    for key, value in notes.items():
        if isinstance(value, int):
            execution.custom_properties[key].int_value = value
        else:
            execution.custom_properties[key].string_value = value
    store.put_executions([execution])


def read(
    store: ml_metadata.MetadataStore, pipeline: str, run_id: str, node_ids: Sequence[str]
) -> list[NodeRecord]:
    """Returns how each node of a run stands; one that left no trace is waiting."""
    found = []
    for node_id in node_ids:
        executions = executions_of_node(store, pipeline, run_id, node_id)
        found.append(
            _record(node_id, executions[-1])
            if executions
            else NodeRecord(node_id=node_id, state=NodeState.WAITING)
        )
    return found


def _record(node_id: str, execution: metadata_store_pb2.Execution) -> NodeRecord:
    state = _ENDED.get(execution.last_known_state, NodeState.RUNNING)
    kept = execution.custom_properties[keys.NODE_REPORT].string_value
    if kept and state is not NodeState.RUNNING:
        return NodeRecord.from_json(kept)
    # A failed execution without a record was left by a task that was killed.
    failure = "its task ended without saying why" if state is NodeState.FAILED else ""
    return NodeRecord(node_id=node_id, state=state, execution_id=execution.id, failure=failure)


def state_of(execution: metadata_store_pb2.Execution) -> NodeState:
    """Returns how the node of an execution ended that an earlier attempt has finished."""
    kept = execution.custom_properties[keys.NODE_REPORT].string_value
    if kept and (state := NodeRecord.from_json(kept).state).is_done:
        return state
    return _ENDED[execution.last_known_state]


def outcome(records: Sequence[NodeRecord], failures: Sequence[tuple[str, str]] = ()) -> Outcome:
    """Returns how a run ended, or would if nothing else came.

    Args:
        records: All nodes.
        failures: Node id and cause of what failed without an execution that could tell.
    """
    failed = [record for record in records if record.state is NodeState.FAILED]
    told = [(record.node_id, record.failure or "no reason is known") for record in failed]
    done = all(r.state.is_done and r.state is not NodeState.SKIPPED for r in records)
    return verdicts.outcome(
        [record.gate for record in records if record.gate is not None],
        [*told, *failures],
        cancelled=any(record.state is NodeState.CANCELLED for record in records),
        complete=done,
    )


def states(records: Sequence[NodeRecord]) -> dict[str, str]:
    """Returns node id to state, as a run records it."""
    return {record.node_id: str(record.state) for record in records}


def as_finished(records: Sequence[NodeRecord]) -> list[NodeRecord]:
    """Returns the records of a run in which nothing goes on any more.

    What was waiting when all that failed or stopped the run had been heard was left out by a
    condition; after a failure it was never reached. What still runs lost its task.
    """
    ended_well = outcome(records).exit_code in (0, 4) and not any(
        record.state is NodeState.RUNNING for record in records
    )
    killed = "its task ended without saying why"

    def finished(record: NodeRecord) -> NodeRecord:
        if record.state is NodeState.RUNNING:
            return dataclasses.replace(record, state=NodeState.FAILED, failure=killed)
        if record.state is NodeState.WAITING and ended_well:
            return dataclasses.replace(record, state=NodeState.SKIPPED)
        return record

    return [finished(record) for record in records]


def is_closed_by(run: metadata_store_pb2.Context, node_id: str) -> bool:
    """Whether a run is recorded as failed because of this node, or as cancelled."""
    state = run.custom_properties[keys.RUN_STATE].string_value
    reason = run.custom_properties[keys.RUN_REASON].string_value
    failed = state == RunState.FAILED and reason.startswith(f"{node_id}: ")
    return failed or state == RunState.CANCELLED
