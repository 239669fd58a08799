"""A run in ML Metadata: how it is opened and how it is closed, whoever runs its nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from pipelines import stack
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.local import unchanged
from pipelines.verdicts import Outcome


def opening(
    pipeline: str, *, started_sec: float, trigger: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the custom properties of a run that begins.

    Args:
        pipeline: The pipeline's name.
        started_sec: Seconds since the epoch.
        trigger: What started the run.
        config: The pipeline's configuration.
    """
    return {
        keys.RUN_PIPELINE: pipeline,
        keys.RUN_STATE: RunState.RUNNING,
        keys.RUN_REASON: "",
        keys.RUN_STARTED: started_sec,
        keys.RUN_TRIGGER: trigger,
        keys.RUN_CONFIG: json.dumps(config, sort_keys=True),
        keys.RUN_STACK: stack.name(),
    }


def open_run(store: ml_metadata.MetadataStore, run_id: str, properties: Mapping[str, Any]) -> None:
    """Records a run, under the type that TFX gives to runs; opens it again where it is closed."""
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    if run is None:
        run_type = metadata_store_pb2.ContextType(name=keys.RUN_CONTEXT)
        type_id = store.put_context_type(run_type, can_add_fields=True, can_omit_fields=True)
        run = metadata_store_pb2.Context(type_id=type_id, name=run_id)
    run.custom_properties.pop(keys.RUN_FINISHED, None)
    unchanged.set_properties(run, properties)
    store.put_contexts([run])


def close_run(
    store: ml_metadata.MetadataStore,
    run_id: str,
    outcome: Outcome,
    *,
    nodes: Mapping[str, str],
    finished_sec: float,
) -> None:
    """Records how a run ended.

    Args:
        store: ML Metadata.
        run_id: The run.
        outcome: How it ended.
        nodes: Node id to the state that the node ended in.
        finished_sec: Seconds since the epoch.
    """
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
    unchanged.set_properties(
        run,
        {
            keys.RUN_STATE: outcome.state,
            keys.RUN_REASON: outcome.reason,
            keys.RUN_FINISHED: finished_sec,
            keys.RUN_NODES: json.dumps(dict(nodes)),
        },
    )
    store.put_contexts([run])
