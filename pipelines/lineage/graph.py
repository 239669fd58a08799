"""Reads one pipeline out of ML Metadata into a `History`.

The number of queries grows with thousands of executions, never with single ones: runs come in one
query, executions for `_RUNS_PER_QUERY` runs at a time, events and artifacts for
`_IDS_PER_QUERY` at a time, and which run and node an execution belongs to for a hundred
executions at a time (the limit of ML Metadata's `get_lineage_subgraph`). What the records mean is
left to `records`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict
from ml_metadata.metadata_store.metadata_store import ListOptions, MetadataStore, OrderByField
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

_RUNS_PER_QUERY = 50
_IDS_PER_QUERY = 1000
_SUBGRAPH_LIMIT = 100
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
    executions = _executions(store, [run.id for run in runs])
    ids = [execution.id for execution in executions]
    events = _events(store, ids)
    places = _places(store, ids, pipeline, {run.id: run.name for run in runs})
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
    found: dict[int, proto.Context] = {}
    conditions = [f"parent_contexts_p.id = {pipeline.id}"]
    # The query language has no escape that works on every backend. Ringway's own names need none.
    if not {"'", '"', "\\"} & set(pipeline.name):
        named = f"custom_properties.{keys.RUN_PIPELINE}.string_value = '{pipeline.name}'"
        conditions.append(named)
    for condition in conditions:
        options = ListOptions(
            limit=latest,
            order_by=OrderByField.ID,
            is_asc=False,
            filter_query=f"{condition} AND type = '{keys.RUN_CONTEXT}'",
        )
        found.update((context.id, context) for context in store.get_contexts(options))
    runs = [context for _, context in sorted(found.items())]
    return runs[-latest:] if latest else runs


def _executions(store: MetadataStore, run_ids: Sequence[int]) -> list[proto.Execution]:
    found: dict[int, proto.Execution] = {}
    for batch in _batches(run_ids, _RUNS_PER_QUERY):
        listed = ",".join(map(str, batch))
        query = ListOptions(filter_query=f"contexts_r.id IN ({listed})")
        found.update((execution.id, execution) for execution in store.get_executions(query))
    return [execution for _, execution in sorted(found.items())]


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


def _places(
    store: MetadataStore, execution_ids: Sequence[int], pipeline: str, runs: Mapping[int, str]
) -> Mapping[int, tuple[str, tuple[str, ...]]]:
    """Returns the node and the runs of each execution."""
    prefix = f"{pipeline}."
    nodes = {
        context.id: context.name.removeprefix(prefix)
        for context in store.get_contexts(ListOptions(filter_query=f"type = '{keys.NODE_CONTEXT}'"))
        if context.name.startswith(prefix)
    }
    node_of: dict[int, str] = {}
    runs_of: defaultdict[int, list[int]] = defaultdict(list)
    for batch in _batches(execution_ids, _SUBGRAPH_LIMIT):
        options = proto.LineageSubgraphQueryOptions(max_num_hops=0)
        options.starting_executions.filter_query = f"id IN ({','.join(map(str, batch))})"
        for association in store.get_lineage_subgraph(options, ["associations"]).associations:
            if association.context_id in nodes:
                node_of[association.execution_id] = nodes[association.context_id]
            elif association.context_id in runs:
                runs_of[association.execution_id].append(association.context_id)
    return {
        id_: (node_of.get(id_, ""), tuple(runs[run] for run in sorted(runs_of[id_])))
        for id_ in execution_ids
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
