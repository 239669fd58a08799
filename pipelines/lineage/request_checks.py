"""What checks of served windows said of the moment at which a request was answered.

A check is a run of `NAME-skew` or `NAME-feedback`: it reads a window of the request log, and the
artifact that its validator made carries a status and a cause. Both kinds are found the same way,
by the window that their examples carry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from components.prediction_log_example_gen import keys as log_keys
from pipelines.lineage import keys

_STATUS, _CAUSE = "status", "cause"
_MAKING = (proto.Event.OUTPUT, proto.Event.DECLARED_OUTPUT)
# Of a check against the window before: that window is not the one that is judged.
_PREVIOUS = "Previous"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """What one check said.

    Attributes:
        pipeline: Which checks, such as `flights-skew`.
        run: The run.
        since_sec: Where its window begins, in seconds since 1970.
        until_sec: The first second after it.
        status: Its verdict.
        cause: Why, in one line; empty where all is well.
        folder: Where its findings lie.
    """

    pipeline: str
    run: str
    since_sec: int
    until_sec: int
    status: str
    cause: str
    folder: str


def of_moment(store: MetadataStore, pipelines: Iterable[str], at_sec: int) -> list[Check]:
    """Returns what was said of windows that a moment lies in, the oldest check first.

    Args:
        store: ML Metadata.
        pipelines: Names of the pipelines that check.
        at_sec: The moment, in seconds since 1970.
    """
    found = []
    for pipeline in pipelines:
        context = store.get_context_by_type_and_name(keys.PIPELINE_CONTEXT, pipeline)
        if context is not None:
            found += list(_of_pipeline(store, pipeline, context.id, at_sec))
    return found


def _of_pipeline(
    store: MetadataStore, pipeline: str, context_id: int, at_sec: int
) -> Iterator[Check]:
    windows: dict[int, tuple[int, int]] = {}
    for artifact in store.get_artifacts_by_context(context_id):
        since, until = (_whole(artifact, key) for key in (log_keys.START, log_keys.END))
        if since is not None and until is not None and since <= at_sec < until:
            windows[artifact.id] = since, until
    told: set[tuple[str, int]] = set()
    for run, window in _runs(store, windows):
        for artifact in store.get_artifacts_by_context(run.id):
            if _STATUS in artifact.custom_properties and (run.name, artifact.id) not in told:
                told.add((run.name, artifact.id))
                yield Check(
                    pipeline=pipeline,
                    run=run.name,
                    since_sec=window[0],
                    until_sec=window[1],
                    status=_text(artifact, _STATUS),
                    cause=_text(artifact, _CAUSE),
                    folder=artifact.uri,
                )


def _runs(
    store: MetadataStore, windows: Mapping[int, tuple[int, int]]
) -> list[tuple[Any, tuple[int, int]]]:
    """Returns the runs that made these examples or took them from the cache, the oldest first."""
    found: dict[int, tuple[Any, tuple[int, int]]] = {}
    for event in store.get_events_by_artifact_ids(list(windows)) if windows else ():
        if event.type not in _MAKING:
            continue
        contexts = store.get_contexts_by_execution(event.execution_id)
        nodes = [c.name.rpartition(".")[2] for c in contexts if c.type == keys.NODE_CONTEXT]
        if any(node.startswith(_PREVIOUS) for node in nodes):
            continue
        for context in contexts:
            if context.type == keys.RUN_CONTEXT:
                found[context.id] = context, windows[event.artifact_id]
    return [run for _, run in sorted(found.items())]


def _whole(artifact: Any, key: str) -> int | None:
    if key not in artifact.custom_properties:
        return None
    return int(artifact.custom_properties[key].int_value)


def _text(artifact: Any, key: str) -> str:
    held = artifact.custom_properties
    return str(held[key].string_value) if key in held else ""
