"""Puts in order what a killed run left behind.

Called with the pipeline's lock held, so whatever is still marked as running is not: its executions
are recorded as failed, its half-written outputs are removed, and a model version that was only
half copied is set aside, under a name that no server loads.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.rollout import projection, pushes, records
from serving.rollout import order as orders
from serving.rollout.errors import RolloutError
from serving.rollout.order import Order

_EXECUTION = metadata_store_pb2.Execution
UNFINISHED = (_EXECUTION.NEW, _EXECUTION.RUNNING)
_PUSHERS = (
    "components.rollout_pusher.component.RolloutPusher",
    "tfx.components.pusher.component.Pusher",
)
_ASIDE = "incomplete-"


def recover(store: ml_metadata.MetadataStore, pipeline: str) -> list[str]:
    """Clears up after runs of a pipeline that ended without saying so.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.

    Returns:
        What was done, one sentence each; empty when there was nothing to do.
    """
    context = store.get_context_by_type_and_name(keys.PIPELINE_CONTEXT, pipeline)
    if context is None:
        return []
    executions = store.get_executions_by_context(context.id)
    unfinished = [
        execution
        for execution in executions
        if execution.last_known_state in UNFINISHED and not _runs_elsewhere(store, execution)
    ]
    done = fail(store, pipeline, unfinished)
    _close_runs(store, pipeline)
    return done


def fail(
    store: ml_metadata.MetadataStore,
    pipeline: str,
    unfinished: Sequence[metadata_store_pb2.Execution],
) -> list[str]:
    """Records executions that were killed as failed, and removes what they left.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.
        unfinished: Its executions that are marked as running and are not; changed in place.

    Returns:
        What was done, one sentence each.
    """
    done = []
    for execution in unfinished:
        execution.last_known_state = _EXECUTION.FAILED
        node_id, root = _place(store, pipeline, execution)
        for leftover in _leftovers(Path(root) / node_id, execution.id) if root else ():
            shutil.rmtree(leftover)
        done.append(f"{node_id} (execution {execution.id}) had been killed: its output was removed")
        if execution.type in _PUSHERS:
            done.extend(_set_aside_half_pushed(store, pipeline, execution))
    if unfinished:
        store.put_executions(unfinished)
    return done


def cancel(store: ml_metadata.MetadataStore, execution_ids: list[int]) -> None:
    """Records executions as cancelled, which the stock launcher records as failed."""
    executions = store.get_executions_by_id(execution_ids)
    for execution in executions:
        execution.last_known_state = _EXECUTION.CANCELED
    store.put_executions(executions)


def _place(
    store: ml_metadata.MetadataStore, pipeline: str, execution: metadata_store_pb2.Execution
) -> tuple[str, str]:
    """Returns the node of an execution and its run's folder of artifacts, empty if unknown."""
    node_id, root = "unknown node", ""
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == keys.NODE_CONTEXT:
            node_id = context.name.removeprefix(f"{pipeline}.")
        elif context.type == keys.RUN_CONTEXT:
            root = context.custom_properties[keys.RUN_ROOT].string_value
    return node_id, root


def _runs_elsewhere(
    store: ml_metadata.MetadataStore, execution: metadata_store_pb2.Execution
) -> bool:
    # This machine's lock says nothing about runs on a cluster: their tasks see to themselves.
    return any(
        keys.RUN_ENGINE in context.custom_properties
        for context in store.get_contexts_by_execution(execution.id)
        if context.type == keys.RUN_CONTEXT
    )


def _leftovers(node_root: Path, execution_id: int) -> list[Path]:
    # Exactly where TFX puts an execution's outputs and working files. Deeper folders may bear the
    # same number and belong to a finished execution.
    return [
        *node_root.glob(f"*/{execution_id}"),
        *node_root.glob(f".system/*/{execution_id}"),
    ]


def _set_aside_half_pushed(
    store: ml_metadata.MetadataStore, pipeline: str, execution: metadata_store_pb2.Execution
) -> list[str]:
    destination = json.loads(execution.custom_properties["push_destination"].string_value or "{}")
    base = Path(destination.get("filesystem", {}).get("base_directory", ""))
    if not base.is_dir():
        return []
    known = {
        artifact.custom_properties["pushed_version"].string_value
        for artifact in store.get_artifacts_by_type("PushedModel")
    }
    # What was rolled out is whole, whoever put it there.
    for rollout in records.read(store, pipeline).rollouts:
        known |= {str(rollout.plan.candidate_version), str(rollout.plan.stable_version)}
    started_sec = execution.create_time_since_epoch / 1000
    done = []
    for version in sorted(path for path in base.iterdir() if path.name.isdigit()):
        # Versions are seconds since the epoch: an earlier one was pushed by somebody else.
        if version.name not in known and int(version.name) >= int(started_sec):
            aside = version.with_name(_ASIDE + version.name)
            version.rename(aside)
            done.append(f"model version {version.name} was half pushed: set aside as {aside}")
            done.extend(_take_back_order(store, pipeline, execution, int(version.name)))
    return done


def _take_back_order(
    store: ml_metadata.MetadataStore,
    pipeline: str,
    execution: metadata_store_pb2.Execution,
    version: int,
) -> list[str]:
    """Has servers serve what is recorded, where they were told to serve what was set aside."""
    if "rollout_root" not in execution.custom_properties:
        return []  # stock Pusher
    root = Path(execution.custom_properties["rollout_root"].string_value)
    try:
        order = orders.read(root)
    except RolloutError:
        return []  # whoever conducts rollouts writes it anew
    if order is None or order.running or order.serves != version:
        return []
    pushed = pushes.read(store, pipeline)
    direct = projection.newest_direct(pushed)
    serves = projection.serving(records.read(store, pipeline), pushed)
    if serves is None and direct is not None:
        serves = direct.version
    if serves is None:
        return []
    orders.write(Order(model=order.model, serves=serves), root)
    return [f"servers were told to go back to version {serves}"]


def _close_runs(store: ml_metadata.MetadataStore, pipeline: str) -> None:
    for run in store.get_contexts_by_type(keys.RUN_CONTEXT):
        state = run.custom_properties[keys.RUN_STATE].string_value
        owner = run.custom_properties[keys.RUN_PIPELINE].string_value
        elsewhere = keys.RUN_ENGINE in run.custom_properties
        if state == RunState.RUNNING and owner == pipeline and not elsewhere:
            run.custom_properties[keys.RUN_STATE].string_value = RunState.FAILED
            run.custom_properties[keys.RUN_REASON].string_value = "the run was killed"
            run.custom_properties[keys.RUN_NODES].string_value = "{}"
            store.put_contexts([run])
