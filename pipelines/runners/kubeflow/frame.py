"""The first and the last task of a run: `begin` opens it, `finish` gives the verdict.

For a pipeline of this repository `begin` does what `ringway run` does before its first node: the
data is made where nobody names a folder, and looked at, so that what would fail later fails now.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ml_metadata import MetadataStore

from pipelines import config as configuration
from pipelines.config import PipelineConfig
from pipelines.errors import MetadataError
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.kubeflow import arguments, paths, records, summary
from pipelines.runners.kubeflow.settings import Parameter, Target
from pipelines.runners.local import recovery, run_record
from pipelines.verdicts import Outcome
from pipelines.workspace import Workspace

ENGINE = "kubeflow"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What a task is told.

    Attributes:
        node_id: Its node, `begin` or `finish`.
        told: Its definition, from `payload`.
        run_id: The run's name in ML Metadata.
        root: Under which artifacts are written.
        fail_on: Least severity of an anomaly that stops the run.
        force: Whether the cache is off.
        parameters: Parameters with targets in this node.
        values: Parameter name to value.
    """

    node_id: str
    told: str
    run_id: str
    root: str
    fail_on: str = "error"
    force: bool = False
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a task ended.

    Attributes:
        exit_code: What its process exits with.
        summary: What Kubeflow's page shows.
    """

    exit_code: int
    summary: str


def parameters_from(plain: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """Returns the parameters that were handed on as plain data."""
    return tuple(
        Parameter(
            **{
                **one,
                "targets": tuple(
                    Target(**{**target, "path": tuple(target["path"])}) for target in one["targets"]
                ),
            }
        )
        for one in plain
    )


def begin(asked: Asked, workspace: Workspace, store: MetadataStore, now_sec: float) -> Ended:
    """Opens the run, and finds and checks its data where it is a pipeline of this repository.

    Raises:
        RingwayError: The run cannot start; it is recorded as failed.
    """
    plan = arguments.unpack(asked.told)
    pipeline = plan["pipeline"]
    config = _config(plan, asked.values)
    recorded = configuration.to_dict(config) if config else dict(asked.values)
    opening = run_record.opening(
        pipeline, started_sec=now_sec, trigger=plan["trigger"], config=recorded
    )
    run_record.open_run(
        store, asked.run_id, {**opening, keys.RUN_ROOT: asked.root, keys.RUN_ENGINE: ENGINE}
    )
    lines = [f"# {asked.run_id}", "", f"Nodes: {', '.join(plan['nodes'])}."]
    if config is not None:
        lines += ["", _prepared(plan["module"], config, workspace)]
    return Ended(exit_code=0, summary="\n".join(lines) + "\n")


def _config(plan: Mapping[str, Any], values: Mapping[str, Any]) -> PipelineConfig | None:
    if not plan["module"]:
        return None
    base = configuration.named(_folder(plan["module"]))
    asked = configuration.restore(base, json.loads(paths.found(json.dumps(plan["config"]))))
    parameters = parameters_from(plan["parameters"])
    chosen = {p.name: p.typed(values[p.name]) for p in parameters if p.name in values}
    return dataclasses.replace(asked, **chosen)


def _folder(module: str) -> str:
    return module.split(".")[-2]


def _prepared(module: str, config: PipelineConfig, workspace: Workspace) -> str:
    from pipelines import training

    notes: list[str] = []
    ready = training.prepared(_folder(module), config, workspace, notes.append)
    for note in notes:
        print(note, file=sys.stderr)
    files = len(ready.data.files)
    return "\n\n".join([f"Data: {files} files under `{ready.config.data_root}`.", *notes])


def finish(asked: Asked, store: MetadataStore, now_sec: float) -> Ended:
    """Gives the verdict on a run whose tasks have all ended.

    Raises:
        MetadataError: The run was never opened.
    """
    plan = arguments.unpack(asked.told)
    pipeline = plan["pipeline"]
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, asked.run_id)
    if run is None:
        raise MetadataError(
            f"ML Metadata has no run {asked.run_id}: its first task did not open it.",
            remedy="Look at the log of the task `begin`.",
        )
    found = records.as_finished(records.read(store, pipeline, asked.run_id, plan["nodes"]))
    _fail_killed(store, pipeline, asked.run_id, plan["nodes"])
    outcome = records.outcome(found)
    if outcome.exit_code == 0:
        outcome = _kept(run) or outcome
    run_record.close_run(
        store,
        asked.run_id,
        outcome,
        nodes=records.states(found),
        finished_sec=now_sec,
    )
    if outcome.reason:
        print(outcome.reason, file=sys.stderr)
    return Ended(exit_code=outcome.exit_code, summary=summary.of_run(asked.run_id, outcome, found))


def _fail_killed(store: Any, pipeline: str, run_id: str, node_ids: Sequence[str]) -> None:
    for node_id in node_ids:
        left = [
            execution
            for execution in records.executions_of_node(store, pipeline, run_id, node_id)
            if execution.last_known_state in recovery.UNFINISHED
        ]
        recovery.fail(store, pipeline, left)


def _kept(run: Any) -> Outcome | None:
    # What a task wrote that failed before it had an execution to keep its reason with.
    state = run.custom_properties[keys.RUN_STATE].string_value
    if state in (RunState.FAILED, RunState.CANCELLED):
        return Outcome(state=state, reason=run.custom_properties[keys.RUN_REASON].string_value)
    return None
