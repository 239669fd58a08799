"""From a served request back to all that made its answer: the question that an incident asks.

    record in the log ─► version ─► run ─► spans, schema, transform, hyperparameters, evaluation
           │                └────► rollout: step and share at that moment
           └─► label that was delivered, and what checks said of the window that it lies in

The record is found by `request_search`, and read by `request_answer`; where a model comes from is
told by `model_lineage`. Here they are put together, as a document for `request_text` and `page`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from ml_metadata.metadata_store.metadata_store import MetadataStore
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines import schema_review
from pipelines.continuous import keys as loop_keys
from pipelines.continuous import unique_contexts
from pipelines.feedback import names as feedback_names
from pipelines.lineage import (
    contents,
    documents,
    graph,
    keys,
    request_answer,
    request_checks,
    request_labels,
)
from pipelines.lineage.model_lineage import lineage_of, pushes_of
from pipelines.lineage.records import ArtifactRecord, History
from pipelines.lineage.request_search import Search, Served
from pipelines.rollout import records as rollouts
from pipelines.rollout.records import Action, Rollout
from pipelines.skew import names as skew_names

Document = dict[str, Any]

_SCHEMA_FILE = "schema.pbtxt"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """Where to look.

    Attributes:
        pipeline: Name of the pipeline whose model answered.
        store: ML Metadata; None where there is none.
        feedback: Folder into which labels are dropped.
        config: The pipeline's configuration, for what the run that trained has not recorded.
    """

    pipeline: str
    store: MetadataStore | None
    feedback: Path
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def document(search: Search, sources: Sources) -> Document:
    """Returns everything that is known of a request.

    Args:
        search: With at least one record.
        sources: Where to look.

    Raises:
        RolloutError: ML Metadata holds a rollout that cannot be read.
        OSError: The folder of labels cannot be listed.
    """
    # The one that a caller got; where only a shadow's is there, that.
    served = next((one for one in search.found if not _is_shadow(one)), search.found[0])
    metadata = served.record.log_metadata
    at_sec = int(metadata.timestamp_secs)
    history = _history(sources)
    version = _version(served)
    model = None if history is None else model_of(history, version)
    made = None if history is None or model is None else _made(history, model, version, sources)
    # An older run may have recorded less than there is to configure now.
    config = {**sources.config, **(made["config"] if made else {})}
    rows, _ = request_answer.rows_of(served.record)
    terms = request_labels.Terms.of(config, sources.feedback)
    return {
        "pipeline": sources.pipeline,
        "request": metadata.request_id,
        "log": str(search.folder),
        "served": [_record(one) for one in search.found],
        "version": version or None,
        "rollout": _rollout(sources, metadata.rollout_id, metadata.rollout_arm, at_sec),
        "run": made and made["run"],
        "push": made and made["push"],
        "schema_changes": made and made["schema_changes"],
        "model": made and made["model"],
        "checks": _checks(sources, at_sec),
        "labels": request_labels.delivered(terms, metadata.request_id, rows, at_sec),
        "unreadable": list(search.unreadable),
    }


def model_of(history: History, version: str) -> ArtifactRecord | None:
    """Returns the model that was pushed as a version; None where no run pushed it."""
    for model in reversed(history.of_type("Model")):
        if version and any(push.version == version for push in pushes_of(history, model)):
            return model
    return None


def state_at(rollout: Rollout, at_sec: float) -> Action | None:
    """Returns the last action at or before a moment; None where it had not begun.

    The log knows whole seconds. A request that a rollout dealt came after its first action, so
    within the second of that one the first counts.
    """
    before = [action for action in rollout.actions if action.at_sec <= at_sec]
    if before:
        return before[-1]
    return next((action for action in rollout.actions if action.at_sec < at_sec + 1), None)


def _is_shadow(served: Served) -> bool:
    return bool(served.record.log_metadata.rollout_arm == "shadow")


def _version(served: Served) -> str:
    spec = served.record.log_metadata.model_spec
    return str(spec.version.value) if spec.HasField("version") else ""


def _record(served: Served) -> Document:
    metadata = served.record.log_metadata
    return {
        "time": documents.time(metadata.timestamp_secs),
        "model": metadata.model_spec.name,
        "version": _version(served) or None,
        "signature": metadata.model_spec.signature_name or None,
        "arm": metadata.rollout_arm or None,
        "rollout": metadata.rollout_id or None,
        "sampling_rate": metadata.sampling_config.sampling_rate,
        "shard": served.shard,
        **request_answer.document(served.record),
    }


def _history(sources: Sources) -> History | None:
    store = sources.store
    if store is None or sources.pipeline not in graph.pipelines(store):
        return None
    return graph.load(store, sources.pipeline)


def _made(history: History, model: ArtifactRecord, version: str, sources: Sources) -> Document:
    found = lineage_of(history, model)
    run = history.run(found.run)
    told = documents.run(history, run) if run is not None else None
    if told is not None and sources.store is not None:
        told |= _why(sources.store, found.run)
    # A model that was trained once may have been pushed by several runs, each as a version.
    push = next(one for one in found.pushes if one.version == version)
    return {
        "config": run.config if run is not None else {},
        "push": dataclasses.asdict(push) | {"time": documents.time(push.time)},
        "run": told,
        "schema_changes": _schema_changes(history, model, found.schema),
        "model": documents.lineage(history, found, contents.read(found)),
    }


def _why(store: MetadataStore, run: str) -> Document:
    """Returns why the loop decided to run; nothing of a run that nobody decided on."""
    context = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run)
    if context is None:
        return {"because": None, "evidence": []}
    because = unique_contexts.text(context, loop_keys.BECAUSE)
    evidence = json.loads(unique_contexts.joined(context, loop_keys.EVIDENCE) or "[]")
    return {"because": because or None, "evidence": evidence}


def _schema_changes(
    history: History, model: ArtifactRecord, schema: ArtifactRecord | None
) -> Document | None:
    """Returns how the schema differs from that of the version pushed before.

    None where there is no version before, or a file is gone.
    """
    before = _pushed_before(history, model)
    earlier = None if before is None else lineage_of(history, before).schema
    read = [_schema(artifact) for artifact in (schema, earlier)]
    if before is None or read[0] is None or read[1] is None:
        return None
    return {
        "since_version": pushes_of(history, before)[-1].version,
        "changes": [dataclasses.asdict(one) for one in schema_review.compare(read[0], read[1])],
    }


def _pushed_before(history: History, model: ArtifactRecord) -> ArtifactRecord | None:
    ours = min((push.time for push in pushes_of(history, model)), default=0.0)
    earlier = [
        (push.time, other.id)
        for other in history.of_type("Model")
        for push in pushes_of(history, other)
        if other.id != model.id and push.time < ours
    ]
    return history.artifacts[max(earlier)[1]] if earlier else None


def _schema(artifact: ArtifactRecord | None) -> schema_pb2.Schema | None:
    folder = contents.local_path(artifact.uri) if artifact is not None else None
    if folder is None:
        return None
    try:
        text = (folder / _SCHEMA_FILE).read_text(encoding="utf-8")
        return text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        return None


def _rollout(sources: Sources, rollout_id: str, arm: str, at_sec: int) -> Document | None:
    if not rollout_id:
        return None
    told: Document = {"id": rollout_id, "arm": arm or None}
    recorded = sources.store and rollouts.read(sources.store, sources.pipeline).named(rollout_id)
    if not recorded:
        return told | {"known": False}
    plan, action, last = recorded.plan, state_at(recorded, at_sec), recorded.state
    return told | {
        "known": True,
        "strategy": plan.strategy.value,
        "stable_version": plan.stable_version,
        "candidate_version": plan.candidate_version,
        "steps": len(plan.shares),
        "opened": documents.time(recorded.opened_sec),
        "origin": recorded.origin,
        "then": action and _action(action),
        "outcome": last.outcome.value,
        "outcome_because": last.because or None,
    }


def _action(action: Action) -> Document:
    return {
        "action": action.kind,
        "step": action.state.step,
        "share": action.state.share,
        "because": action.because,
        "at": documents.time(action.at_sec),
    }


def _checks(sources: Sources, at_sec: int) -> list[Document]:
    if sources.store is None:
        return []
    names = [module.pipeline_name(sources.pipeline) for module in (skew_names, feedback_names)]
    return [
        dataclasses.asdict(check)
        | {"since": documents.time(check.since_sec), "until": documents.time(check.until_sec)}
        for check in request_checks.of_moment(sources.store, names, at_sec)
    ]
