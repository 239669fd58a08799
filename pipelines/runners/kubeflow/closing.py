"""What is recorded when a task does not end well, and taken back when it is tried again.

Works on ML Metadata alone and imports no TFX, so that it is at hand when a task has died.
"""

from __future__ import annotations

import dataclasses

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.kubeflow import records
from pipelines.runners.kubeflow.records import DONE, NodeRecord
from pipelines.runners.kubeflow.settings import BEGIN, FINISH
from pipelines.runners.local import recovery, run_record
from pipelines.runners.local.schedule import NodeState

_EXECUTION = metadata_store_pb2.Execution


def end_badly(
    store: ml_metadata.MetadataStore,
    pipeline: str,
    run_id: str,
    record: NodeRecord,
    now_sec: float,
) -> None:
    """Records that a task failed or was ended, with its execution if it has one, and with the run.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.
        run_id: The run.
        record: How the task's node ended: failed or cancelled.
        now_sec: Seconds since the epoch.
    """
    found = records.executions_of_node(store, pipeline, run_id, record.node_id)
    # A driver that raises leaves its execution as if it were still at work, as death does.
    recovery.fail(store, pipeline, [e for e in found if e.last_known_state in recovery.UNFINISHED])
    if found:
        last = found[-1]
        if last.last_known_state not in DONE:  # it may be what came after it that failed
            is_cancelled = record.state is NodeState.CANCELLED
            last.last_known_state = _EXECUTION.CANCELED if is_cancelled else _EXECUTION.FAILED
            store.put_executions([last])
        record = dataclasses.replace(record, execution_id=last.id)
        records.write(store, record)
    close(store, pipeline, run_id, record, now_sec)


def close(
    store: ml_metadata.MetadataStore,
    pipeline: str,
    run_id: str,
    mine: NodeRecord,
    now_sec: float,
) -> None:
    """Records that a run does not end well, as far as can be told now.

    Anomalies in the data stay the reason, whatever fails beside them. Nothing is recorded where the
    run was never opened.
    """
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    if run is None:
        return
    known = _node_ids(store, pipeline, run)
    found = {record.node_id: record for record in records.read(store, pipeline, run_id, known)}
    found[mine.node_id] = mine
    run_record.close_run(
        store,
        run_id,
        records.outcome(list(found.values())),
        nodes=records.states([r for r in found.values() if r.node_id not in (BEGIN, FINISH)]),
        finished_sec=now_sec,
    )


def reopen(store: ml_metadata.MetadataStore, pipeline: str, run_id: str, node_id: str) -> None:
    """Takes back that a run has failed, where this node was the reason and no other one is."""
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    if run is None or not records.is_closed_by(run, node_id):
        return
    others = [name for name in _node_ids(store, pipeline, run) if name != node_id]
    if records.outcome(records.read(store, pipeline, run_id, others)).exit_code != 0:
        return
    run.custom_properties[keys.RUN_STATE].string_value = RunState.RUNNING
    run.custom_properties[keys.RUN_REASON].string_value = ""
    run.custom_properties.pop(keys.RUN_FINISHED, None)
    store.put_contexts([run])


def _node_ids(
    store: ml_metadata.MetadataStore, pipeline: str, run: metadata_store_pb2.Context
) -> list[str]:
    names = [
        context.name.removeprefix(f"{pipeline}.")
        for execution in store.get_executions_by_context(run.id)
        for context in store.get_contexts_by_execution(execution.id)
        if context.type == keys.NODE_CONTEXT
    ]
    return list(dict.fromkeys(names))
