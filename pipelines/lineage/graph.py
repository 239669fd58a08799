"""Reads one pipeline out of ML Metadata into a `History`.

All runs come in one query, executions in one per run, events and artifacts for `_IDS_PER_QUERY`
executions at a time. Which node an execution belongs to takes one query per node of the pipeline
when everything is read, and one per execution when only the newest runs are. ML Metadata's query
language would need fewer, but release 1.21 dropped it. What the records mean is left to
`records`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.errors import UsageError
from pipelines.lineage import keys
from pipelines.lineage.records import (
    CANCELED,
    FAILED,
    RUNNING,
    ArtifactRecord,
    ExecutionRecord,
    History,
    Link,
    Run,
    Value,
    json_object,
)

_IDS_PER_QUERY = 1000
_STRUCT_VALUE = "__value__"  # the key under which TFX wraps JSON that is no object
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class _Events:
    inputs: Mapping[int, Sequence[Link]]
    outputs: Mapping[int, Sequence[Link]]
    artifact_ids: Sequence[int]


def pipelines(store: MetadataStore) -> tuple[str, ...]:
    """Returns the names of all pipelines in the store."""
    return tuple(sorted(c.name for c in store.get_contexts_by_type(keys.PIPELINE_CONTEXT)))


def load(store: MetadataStore, pipeline: str, *, latest: int | None = None) -> History:
    """Returns what the store holds about a pipeline.

    Args:
        store: An open store.
        pipeline: Name of the pipeline.
        latest: Read only this many of the newest runs; all by default.

    Raises:
        UsageError: The store knows no pipeline of this name.
    """
    context = store.get_context_by_type_and_name(keys.PIPELINE_CONTEXT, pipeline)
    if context is None:
        raise unknown("pipeline", pipeline, pipelines(store), remedy=f"ringway run {pipeline}")
    runs = _run_contexts(store, context, latest)
    executions, runs_of = _executions(store, runs)
    ids = [execution.id for execution in executions]
    events = _events(store, ids)
    nodes = _all_nodes(store, pipeline) if latest is None else _nodes(store, ids, pipeline)
    places = {id_: (nodes.get(id_, ""), runs_of[id_]) for id_ in ids}
    artifacts = [
        _artifact(artifact)
        for batch in _batches(events.artifact_ids, _IDS_PER_QUERY)
        for artifact in store.get_artifacts_by_id(batch)
    ]
    records = [_execution(execution, places, events) for execution in executions]
    by_run: defaultdict[str, list[ExecutionRecord]] = defaultdict(list)
    for record in records:
        for name in record.runs:
            by_run[name].append(record)
    return History(
        pipeline=pipeline,
        runs=tuple(_run(run, by_run[run.name]) for run in runs),
        executions={record.id: record for record in records},
        artifacts={artifact.id: artifact for artifact in artifacts},
    )


def unknown(kind: str, name: str, known: Iterable[str], *, remedy: str = "") -> UsageError:
    """Returns an error for a name that the store does not hold, with the closest that it does."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"known: {', '.join(names[-5:])}"
    else:
        hint = "there is none yet"
    return UsageError(
        f"there is no {kind} {name!r} in the metadata store: {hint}",
        remedy=f"Make one first: {remedy}" if remedy and not near else "",
    )


def _run_contexts(
    store: MetadataStore, pipeline: proto.Context, latest: int | None
) -> list[proto.Context]:
    """Returns the newest runs, oldest first.

    TFX makes a run a child of its pipeline. A run that Ringway records without TFX (nothing had
    changed) only names its pipeline.
    """
    children = {child.id for child in store.get_children_contexts_by_context(pipeline.id)}
    runs = [
        run
        for run in store.get_contexts_by_type(keys.RUN_CONTEXT)
        if run.id in children
        or run.custom_properties[keys.RUN_PIPELINE].string_value == pipeline.name
    ]
    runs.sort(key=lambda run: run.id)
    return runs[-latest:] if latest else runs


def _executions(
    store: MetadataStore, runs: Sequence[proto.Context]
) -> tuple[list[proto.Execution], Mapping[int, tuple[str, ...]]]:
    """Returns the runs' executions, and the names of the runs that each belongs to."""
    found: dict[int, proto.Execution] = {}
    runs_of: defaultdict[int, tuple[str, ...]] = defaultdict(tuple)
    for run in runs:
        for execution in store.get_executions_by_context(run.id):
            found[execution.id] = execution
            runs_of[execution.id] += (run.name,)
    return [execution for _, execution in sorted(found.items())], runs_of


def _events(store: MetadataStore, execution_ids: Sequence[int]) -> _Events:
    # Internal outputs (of resolvers) are chosen, not made; the resolver reads and hands on.
    reading = (proto.Event.INPUT, proto.Event.DECLARED_INPUT)
    making = (proto.Event.OUTPUT, proto.Event.DECLARED_OUTPUT)
    inputs: defaultdict[int, list[Link]] = defaultdict(list)
    outputs: defaultdict[int, list[Link]] = defaultdict(list)
    artifact_ids: set[int] = set()
    for batch in _batches(execution_ids, _IDS_PER_QUERY):
        for event in store.get_events_by_execution_ids(batch):
            side = inputs if event.type in reading else outputs if event.type in making else None
            if side is not None:
                side[event.execution_id].append(_link(event))
                artifact_ids.add(event.artifact_id)
    return _Events(inputs, outputs, sorted(artifact_ids))


def _link(event: proto.Event) -> Link:
    key = next((step.key for step in event.path.steps if step.HasField("key")), "")
    index = next((step.index for step in event.path.steps if step.HasField("index")), 0)
    return Link(key=key, index=index, artifact_id=event.artifact_id)


def _all_nodes(store: MetadataStore, pipeline: str) -> Mapping[int, str]:
    """Returns the node of every execution of a pipeline, with a query per node."""
    prefix = f"{pipeline}."
    return {
        execution.id: context.name.removeprefix(prefix)
        for context in store.get_contexts_by_type(keys.NODE_CONTEXT)
        if context.name.startswith(prefix)
        for execution in store.get_executions_by_context(context.id)
    }


def _nodes(store: MetadataStore, execution_ids: Sequence[int], pipeline: str) -> Mapping[int, str]:
    """Returns the node of each of a few executions, with a query per execution."""
    return {
        id_: context.name.removeprefix(f"{pipeline}.")
        for id_ in execution_ids
        for context in store.get_contexts_by_execution(id_)
        if context.type == keys.NODE_CONTEXT
    }


def _execution(
    execution: proto.Execution,
    places: Mapping[int, tuple[str, tuple[str, ...]]],
    events: _Events,
) -> ExecutionRecord:
    node, runs = places[execution.id]
    return ExecutionRecord(
        id=execution.id,
        node=node or execution.type.rpartition(".")[2],
        runs=runs,
        type=execution.type,
        state=type(execution).State.Name(execution.last_known_state),
        created=execution.create_time_since_epoch / 1000,
        updated=execution.last_update_time_since_epoch / 1000,
        properties=_properties(execution),
        inputs=_sorted(events.inputs.get(execution.id, ())),
        outputs=_sorted(events.outputs.get(execution.id, ())),
    )


def _sorted(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(set(links), key=lambda link: (link.key, link.index, link.artifact_id)))


def _artifact(artifact: proto.Artifact) -> ArtifactRecord:
    return ArtifactRecord(
        id=artifact.id,
        type=artifact.type,
        uri=artifact.uri,
        state=type(artifact).State.Name(artifact.state),
        created=artifact.create_time_since_epoch / 1000,
        properties=_properties(artifact),
    )


def _run(context: proto.Context, executions: Sequence[ExecutionRecord]) -> Run:
    values = _properties(context)
    ends = [execution.updated for execution in executions]
    state = values.get(keys.RUN_STATE)
    finished = values.get(keys.RUN_FINISHED)
    if state is None:
        # A run of another runner: its state and its end follow from its executions.
        state = _derived_state(executions)
        finished = max(ends) if ends and state != keys.RunState.RUNNING else None
    return Run(
        context_id=context.id,
        name=context.name,
        state=state,
        reason=values.get(keys.RUN_REASON, ""),
        started=values.get(keys.RUN_STARTED) or context.create_time_since_epoch / 1000,
        finished=finished,
        trigger=values.get(keys.RUN_TRIGGER, ""),
        because=values.get(keys.RUN_BECAUSE, ""),
        stack=values.get(keys.RUN_STACK, ""),
        config=json_object(values.get(keys.RUN_CONFIG)),
        node_states=json_object(values.get(keys.RUN_NODES)),
    )


def _derived_state(executions: Sequence[ExecutionRecord]) -> str:
    states = {execution.state for execution in executions}
    if FAILED in states:
        return keys.RunState.FAILED
    if CANCELED in states:
        return keys.RunState.CANCELLED
    return keys.RunState.RUNNING if {RUNNING, "NEW"} & states else keys.RunState.SUCCEEDED


def _properties(
    node: proto.Execution | proto.Artifact | proto.Context,
) -> Mapping[str, Value]:
    values = {key: _value(value) for key, value in node.properties.items()}
    values.update((key, _value(value)) for key, value in node.custom_properties.items())
    return dict(sorted(values.items()))


def _value(value: proto.Value) -> Value:
    field = value.WhichOneof("value")
    if field == "struct_value":
        struct: dict[str, Any] = MessageToDict(value.struct_value)
        wrapped = struct.get(_STRUCT_VALUE)
        return json.loads(wrapped) if isinstance(wrapped, str) else struct
    return getattr(value, field) if field else None


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
