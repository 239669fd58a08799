"""Answers as plain documents: what `--format json` prints, and what text and page are made from.

Keys are stable; times are ISO 8601 in UTC; an absent value is null. Wording and layout are left to
`render` and `page`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.lineage.contents import Contents
from pipelines.lineage.data_uses import DataUse
from pipelines.lineage.model_lineage import Evaluation, ModelLineage, SpanUse
from pipelines.lineage.records import ArtifactRecord, History, Run, state_word
from pipelines.lineage.run_diff import RunDiff
from pipelines.lineage.why import NodeReason

Document = dict[str, Any]


def time(seconds: float | None) -> str | None:
    """Returns a time in ISO 8601, UTC, to the second."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(history: History, record: Run) -> Document:
    """Returns one run."""
    duration = record.duration_sec
    executions = history.executions_in(record.name)
    ended = record.node_states or {execution.node: execution.state for execution in executions}
    states = {node: state_word(state) for node, state in ended.items()}
    return {
        "run": record.name,
        "pipeline": history.pipeline,
        "state": record.state,
        "reason": record.reason,
        "started": time(record.started),
        "finished": time(record.finished),
        "duration_sec": None if duration is None else round(duration, 3),
        "trigger": record.trigger,
        "because": record.because or None,
        "stack": record.stack,
        "nodes": states,
        "counts": dict(Counter(states.values())),
    }


def artifact(record: ArtifactRecord | None) -> Document | None:
    """Returns one artifact."""
    if record is None:
        return None
    return {
        "id": record.id,
        "type": record.type,
        "uri": record.uri,
        "state": record.state,
        "created": time(record.created),
    }


def lineage(history: History, found: ModelLineage, contents: Contents) -> Document:
    """Returns a model's lineage."""
    graph = _hashed(found.transform_graph, contents.transform_hash)
    return {
        "pipeline": history.pipeline,
        "model": artifact(found.model),
        "version": found.version or None,
        "blessing": found.blessing,
        "run": found.run or None,
        "trained": time(found.trainer.updated) if found.trainer else None,
        "trainer": found.trainer.type if found.trainer else None,
        "data": [_data(use) for use in found.data],
        "schema": _hashed(found.schema, contents.schema_hash),
        "statistics": [artifact(record) for record in found.statistics],
        "transform_graph": graph,
        "base_model": artifact(found.base_model),
        "hyperparameters": _hyperparameters(history, found, contents),
        "parameters": dict(found.parameters),
        "code": {node: dict(modules) for node, modules in found.code.items()},
        "evaluations": [_evaluation(item) for item in found.evaluations],
        "pushes": [{**dataclasses.asdict(push), "time": time(push.time)} for push in found.pushes],
        "missing": list(contents.missing),
        "artifacts": [artifact(history.artifacts.get(id_)) for id_ in _known(history, found)],
        "executions": [_execution(history, id_) for id_ in sorted(found.execution_ids)],
    }


def spans(history: History, span: int, version: int | None, uses: Iterable[SpanUse]) -> Document:
    """Returns which models saw a span."""
    return {
        "pipeline": history.pipeline,
        "span": span,
        "version": version,
        "models": [
            {
                "model": artifact(use.model),
                "version": use.version or None,
                "purposes": list(use.purposes),
                "run": use.run or None,
                "blessing": use.blessing,
            }
            for use in uses
        ],
    }


def reason(found: NodeReason) -> Document:
    """Returns why a node ran or was cached."""
    return dataclasses.asdict(found)


def difference(history: History, found: RunDiff) -> Document:
    """Returns how two runs differ."""
    return {
        "pipeline": history.pipeline,
        "before": run(history, found.before),
        "after": run(history, found.after),
        "same": found.same,
        "sections": {
            title: [dataclasses.asdict(change) for change in changes]
            for title, changes in found.sections.items()
        },
        "nodes": [dataclasses.asdict(node) for node in found.nodes],
    }


def _known(history: History, found: ModelLineage) -> list[int]:
    return sorted(id_ for id_ in found.artifact_ids if id_ in history.artifacts)


def _data(use: DataUse) -> Document:
    return {
        "purpose": use.purpose,
        "span": use.examples.span,
        "spans": list(use.examples.spans),
        "version": use.examples.version,
        "splits": list(use.splits),
        "fingerprint": use.examples.fingerprint or None,
        "run": use.run or None,
        "artifact": artifact(use.examples),
    }


def _evaluation(item: Evaluation) -> Document:
    return {
        "run": item.run,
        "blessing": item.state,
        "baseline_model": item.baseline_id,
        "metrics": dict(item.metrics),
        "artifact": artifact(item.artifact),
    }


def _hashed(record: ArtifactRecord | None, digest: str | None) -> Document | None:
    shown = artifact(record)
    return None if shown is None else {**shown, "sha256": digest}


def _hyperparameters(history: History, found: ModelLineage, contents: Contents) -> Document | None:
    shown = artifact(found.hyperparameters)
    if shown is None or found.hyperparameters is None:
        return None
    tuner = history.maker(found.hyperparameters.id)
    values: Mapping[str, Any] | None = contents.hyperparameters
    return {
        **shown,
        "run": tuner.run if tuner else None,
        "values": None if values is None else dict(values),
    }


def _execution(history: History, id_: int) -> Document:
    record = history.executions[id_]
    return {
        "id": record.id,
        "node": record.node,
        "component": record.component,
        "run": record.run,
        "state": record.state,
        "started": time(record.created),
        "duration_sec": round(record.duration_sec, 3),
        "inputs": [link.artifact_id for link in record.inputs],
        "outputs": [link.artifact_id for link in record.outputs],
    }
