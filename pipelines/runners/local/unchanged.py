"""A rerun in which nothing has changed, told without TensorFlow or TFX.

When a run has ended well, a witness of everything that it depended on is kept: configuration,
code, input files, what ML Metadata held. If the next run finds all of it as it was, every node
would come from the cache, so the run is recorded as such and is over in a second. Anything else,
and any doubt, is left to a real run, whose drivers decide node by node.

A Resolver's answer may differ from the one it gave in the run itself: after a first blessing there
is a baseline, and the model must be judged again. So the run forecasts, as it ends, what its
resolvers would answer next, and leaves a witness only when that is what they answered.
"""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from pipelines.lineage import keys

_EXECUTION = metadata_store_pb2.Execution
_EXECUTION_RESULT = "__execution_result__"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything outside of ML Metadata that the result of a run depends on.

    Attributes:
        config: The configuration, as JSON.
        code: Module name or file to content hash.
        files: Input file to its size in bytes and modification time in ns.
    """

    config: str
    code: Mapping[str, str]
    files: Mapping[str, Sequence[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Witness:
    """What was true when a run ended well.

    Attributes:
        identity: What the run depended on.
        run_id: The run.
        last_artifact_id: The pipeline's newest artifact at that time.
        pushed_to: The folder of the model version in service, if any.
    """

    identity: Identity
    run_id: str
    last_artifact_id: int
    pushed_to: str = ""

    def write(self, path: Path) -> None:
        """Writes the witness in one step, so that no reader sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> Witness | None:
        """Returns the witness, or None when there is none that can be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**content, "identity": Identity(**content["identity"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # no doubt is ever settled in favour of "unchanged"


def files_under(folder: Path) -> dict[str, list[int]]:
    """Returns size and modification time of every file under a folder, links followed."""
    found = {}
    seen: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()  # a link that leads back up
            continue
        seen.add(real)
        for path in (Path(place, name) for name in names):
            if path.is_file():
                status = path.stat()
                found[str(path)] = [status.st_size, status.st_mtime_ns]
    return dict(sorted(found.items()))


def difference(witness: Witness, identity: Identity, last_artifact_id: int) -> str:
    """Returns the first thing that has changed since the witness, or an empty string."""
    if witness.identity.config != identity.config:
        return "the configuration changed"
    for kind, before, now in (
        ("", witness.identity.code, identity.code),
        ("input ", witness.identity.files, identity.files),
    ):
        for name in sorted({*before, *now}):
            if name not in before:
                return f"{kind}{name} is new"
            if name not in now:
                return f"{kind}{name} is gone"
            if list(before[name]) != list(now[name]):
                return f"{kind}{name} changed"
    if witness.last_artifact_id != last_artifact_id:
        return "ML Metadata holds new artifacts of the pipeline"
    return ""


def last_artifact_id(store: ml_metadata.MetadataStore, pipeline: str) -> int:
    """Returns the id of the newest artifact of a pipeline; 0 where it has none.

    Others in the store don't matter: a resolver looks at those of its own pipeline.
    """
    context = store.get_context_by_type_and_name(keys.PIPELINE_CONTEXT, pipeline)
    if context is None:
        return 0
    newest = ml_metadata.ListOptions(limit=1, order_by=ml_metadata.OrderByField.ID, is_asc=False)
    found = store.get_artifacts_by_context(context.id, list_options=newest)
    return max((artifact.id for artifact in found), default=0)


def executions_of(
    store: ml_metadata.MetadataStore, run_id: str
) -> dict[str, metadata_store_pb2.Execution] | None:
    """Returns a run's executions by node id, in the order they ran; None when an output is gone."""
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    if run is None:
        return None
    executions = sorted(store.get_executions_by_context(run.id), key=lambda e: e.id)
    artifacts = store.get_artifacts_by_context(run.id)
    if any(not Path(artifact.uri).exists() for artifact in artifacts):
        return None
    found = {}
    for execution in executions:
        for context in store.get_contexts_by_execution(execution.id):
            if context.type == keys.NODE_CONTEXT:
                found[context.name.partition(".")[2]] = execution
    return found


def record(
    store: ml_metadata.MetadataStore,
    earlier: Mapping[str, metadata_store_pb2.Execution],
    run_id: str,
    properties: Mapping[str, Any],
) -> None:
    """Records a run in which every node took its result from an earlier run.

    Args:
        store: ML Metadata.
        earlier: The earlier run's executions by node id.
        run_id: The name of the new run.
        properties: Custom properties of its context.
    """
    run_type = store.get_context_type(keys.RUN_CONTEXT)
    run = metadata_store_pb2.Context(type_id=run_type.id, name=run_id)
    set_properties(run, properties)
    [run.id] = store.put_contexts([run])
    for execution in earlier.values():
        contexts = [
            run if context.type == keys.RUN_CONTEXT else context
            for context in store.get_contexts_by_execution(execution.id)
        ]
        events = store.get_events_by_execution_ids([execution.id])
        by_id = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
        copy = metadata_store_pb2.Execution()
        copy.CopyFrom(execution)
        copy.ClearField("id")
        copy.name = str(uuid.uuid4())
        copy.custom_properties.pop(_EXECUTION_RESULT, None)
        if not copy.type.startswith("tfx.dsl.components.common."):
            copy.last_known_state = _EXECUTION.CACHED
        store.put_execution(copy, _pairs(events, by_id), contexts)


def _pairs(
    events: Iterable[metadata_store_pb2.Event],
    artifacts: Mapping[int, metadata_store_pb2.Artifact],
) -> list[tuple[metadata_store_pb2.Artifact, metadata_store_pb2.Event]]:
    pairs = []
    for event in events:
        link = metadata_store_pb2.Event(type=event.type, artifact_id=event.artifact_id)
        link.path.CopyFrom(event.path)
        pairs.append((artifacts[event.artifact_id], link))
    return pairs


def set_properties(context: metadata_store_pb2.Context, properties: Mapping[str, Any]) -> None:
    """Sets custom properties of a context; numbers are stored as doubles."""
    for key, value in properties.items():
        if isinstance(value, int | float):
            context.custom_properties[key].double_value = value
        else:
            context.custom_properties[key].string_value = str(value)
