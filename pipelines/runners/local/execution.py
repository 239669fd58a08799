"""Runs the nodes of one compiled pipeline: starts them, watches them, hears the gates.

This is the part of a run that needs TFX. Nodes are launched from threads, one each; decisions are
those of `schedule` and `verdicts`, and only the main thread talks to `Progress`.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import pipeline as pipeline_lib
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    inputs_utils,
    partial_run_utils,
    runtime_parameter_utils,
)
from tfx.proto.orchestration import pipeline_pb2

from pipelines.errors import UsageError
from pipelines.lineage import keys
from pipelines.runners.local import evidence, gates, interrupt, recovery
from pipelines.runners.local.code_version import CodeVersions
from pipelines.runners.local.failures import describe
from pipelines.runners.local.launching import NodeLauncher, SharedMetadata, add_code_version
from pipelines.runners.local.report import NodeReport, Progress
from pipelines.runners.local.schedule import Node, NodeState, next_nodes
from pipelines.runners.local.worker import WorkerError, Workers, WorkersStoppedError
from pipelines.verdicts import GateResult

_POLL_SEC = 0.1
_EXAMPLES = "Examples"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """Which nodes to run, and which not to take from earlier runs.

    Attributes:
        from_nodes: Where a partial run starts; empty for the pipeline's beginning.
        to_nodes: Where it ends; empty for the pipeline's end.
        force: Whether to ignore the cache for every node.
        fresh: Ids of nodes that must run even when the cache or an earlier search would do.
    """

    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    force: bool = False
    fresh: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether only a part of the pipeline is asked for."""
        return bool(self.from_nodes or self.to_nodes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ending:
    """What came of the nodes.

    Attributes:
        nodes: Every node's report, in topological order.
        gates: What the gates said.
        cancelled: Whether the user stopped the run.
        pushed_to: The folder of the pushed model version, if one was pushed.
        is_stable: Whether the next run would resolve to the same earlier results.
    """

    nodes: tuple[NodeReport, ...]
    gates: tuple[GateResult, ...]
    cancelled: bool
    pushed_to: str
    is_stable: bool


def compile_pipeline(
    pipeline: pipeline_lib.Pipeline,
    run_id: str,
    *,
    selection: Selection,
    code: CodeVersions,
    stack: str,
) -> pipeline_pb2.Pipeline:
    """Compiles a pipeline and marks what this run needs of it.

    Raises:
        UsageError: A selected node does not exist.
    """
    compiled = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    ids = [node.pipeline_node.node_info.id for node in compiled.nodes]
    _check_selected(selection, ids)
    for node in compiled.nodes:
        add_code_version(node.pipeline_node, code, stack)
        if selection.force or node.pipeline_node.node_info.id in selection.fresh:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    if selection.is_partial:
        partial_run_utils.mark_pipeline(
            compiled,
            from_nodes=selection.from_nodes or None,
            to_nodes=selection.to_nodes or None,
        )
    return compiled


def _check_selected(selection: Selection, ids: Sequence[str]) -> None:
    import difflib

    for name in {*selection.from_nodes, *selection.to_nodes, *selection.fresh}:
        if name not in ids:
            close = difflib.get_close_matches(name, ids, n=1, cutoff=0.4)
            raise UsageError(
                f"The pipeline has no node {name!r}. Its nodes: {', '.join(ids)}.",
                remedy=f"Did you mean {close[0]}?" if close else "",
            )


class PipelineExecution:
    """One run of a compiled pipeline."""

    def __init__(  # noqa: PLR0913  (a run has that many parts)
        self,
        pipeline: pipeline_pb2.Pipeline,
        handle: SharedMetadata,
        workers: Workers,
        *,
        log_root: Path,
        selection: Selection,
        fail_on: Literal["error", "warning", "never"],
        jobs: int,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares to run.

        Args:
            pipeline: From `compile_pipeline`.
            handle: ML Metadata.
            workers: Where executors run.
            log_root: The folder of the nodes' log files.
            selection: Which nodes run.
            fail_on: The severity of anomalies that stops the run.
            jobs: How many nodes may run at the same time.
            progress: Is told what happens.
            clock: A monotonic clock in seconds.
        """
        self._pipeline = pipeline
        self._handle = handle
        self._workers = workers
        self._progress = progress
        self._clock = clock
        self._fail_on = fail_on
        self._jobs = jobs
        every = frozenset(node.pipeline_node.node_info.id for node in pipeline.nodes)
        self._forced = every if selection.force else frozenset(selection.fresh)
        self._launcher = NodeLauncher(
            pipeline,
            runner_utils.extract_local_deployment_config(pipeline),
            handle,
            workers,
            log_root,
            fresh=self._forced,
        )
        self._specs = {n.pipeline_node.node_info.id: n.pipeline_node for n in pipeline.nodes}
        self._reports = {
            node_id: NodeReport(
                id=node_id,
                state=NodeState.WAITING,
                log_path=self._launcher.log_path(node_id),
                ingests=_ingests(spec),
            )
            for node_id, spec in self._specs.items()
        }
        self._started: dict[str, float] = {}
        self._gates: list[GateResult] = []
        self._pushed_to = ""

    def run(self, run_id: str) -> Ending:
        """Runs all nodes that are to run, until the end, a gate's stop, a failure or Ctrl-C."""
        self._progress.begin(run_id, tuple(self._specs))
        cancelled = False
        nodes = self._schedule_nodes()
        with (
            concurrent.futures.ThreadPoolExecutor(self._jobs, "node") as pool,
            interrupt.deferred() as asked,
        ):
            pending: dict[concurrent.futures.Future[Any], str] = {}
            self._skip_unselected()
            while True:
                if asked.requested and not cancelled:
                    cancelled = True
                    self._progress.note("stopping the workers")
                    self._workers.stop()
                states = {node_id: report.state for node_id, report in self._reports.items()}
                slots = 0 if cancelled else self._jobs - len(pending)
                stopped = self._is_stopped()
                for node_id in next_nodes(nodes, states, stopped=stopped, slots=slots):
                    self._begin(node_id)
                    pending[pool.submit(self._launcher.launch, self._specs[node_id])] = node_id
                if not pending:
                    break
                done, _ = concurrent.futures.wait(
                    pending, _POLL_SEC, concurrent.futures.FIRST_COMPLETED
                )
                for future in done:
                    self._finish(pending.pop(future), future)
                self._progress.tick()
        if cancelled:
            self._record_cancelled(run_id)
        return Ending(
            nodes=tuple(self._reports.values()),
            gates=tuple(self._gates),
            cancelled=cancelled,
            pushed_to=self._pushed_to,
            is_stable=not cancelled and self._is_stable(),
        )

    def _schedule_nodes(self) -> list[Node]:
        return [
            Node(
                id=node_id,
                upstream=frozenset(spec.upstream_nodes) & frozenset(self._specs),
                is_gate=gates.is_gate(spec),
            )
            for node_id, spec in self._specs.items()
        ]

    def _is_stopped(self) -> bool:
        return any(gate.objections for gate in self._gates)

    def _skip_unselected(self) -> None:
        skipped = [i for i, spec in self._specs.items() if spec.execution_options.HasField("skip")]
        for node_id in skipped:
            self._set(node_id, state=NodeState.SKIPPED)
        if any(spec.execution_options.run.perform_snapshot for spec in self._specs.values()):
            with self._handle as m:
                try:
                    partial_run_utils.snapshot(m, self._pipeline)
                except LookupError as error:
                    raise UsageError(
                        f"A part of the pipeline needs results of an earlier run: {error}",
                        remedy="Run the whole pipeline once, or start further up with --from.",
                    ) from error

    def _begin(self, node_id: str) -> None:
        self._started[node_id] = self._clock()
        self._set(node_id, state=NodeState.RUNNING)

    def _finish(self, node_id: str, future: concurrent.futures.Future[Any]) -> None:
        seconds = self._clock() - self._started[node_id]
        try:
            state, execution_id = future.result()
            facts = self._learn(node_id, state, execution_id)
        except WorkersStoppedError:
            self._set(node_id, state=NodeState.CANCELLED, seconds=seconds)
        except WorkerError as error:
            self._set(node_id, state=NodeState.FAILED, seconds=seconds, failure=error.failure)
        except Exception as error:  # noqa: BLE001  (a driver may raise anything)
            trace = traceback.format_exc()
            self._append_log(node_id, trace)
            failure = describe(error, trace)
            self._set(node_id, state=NodeState.FAILED, seconds=seconds, failure=failure)
        else:
            self._set(node_id, state=state, seconds=seconds, **facts)

    def _learn(self, node_id: str, state: NodeState, execution_id: int | None) -> dict[str, Any]:
        if execution_id is None:
            return {}
        with self._handle as m:
            outputs = evidence.outputs_of(m.store, execution_id)
        if gates.is_gate(self._specs[node_id]):
            gate = gates.read(node_id, outputs, fail_on=self._fail_on)
            if gate is not None:
                self._gates.append(gate)
        self._pushed_to = evidence.pushed_to(outputs) or self._pushed_to
        notes: dict[str, str | int] = {}
        if metrics := evidence.metrics(outputs):
            notes[keys.METRICS] = json.dumps(metrics, sort_keys=True)
        if node_id in self._forced and state is NodeState.RAN:
            notes[keys.FORCED] = 1
        if notes:
            self._annotate(execution_id, notes)
        return {"execution_id": execution_id, "rows": evidence.rows(outputs)}

    def _annotate(self, execution_id: int, notes: Mapping[str, str | int]) -> None:
        with self._handle as m:
            [execution] = m.store.get_executions_by_id([execution_id])
            for key, value in notes.items():
                if isinstance(value, int):
                    execution.custom_properties[key].int_value = value
                else:
                    execution.custom_properties[key].string_value = value
            m.store.put_executions([execution])

    def _set(self, node_id: str, **changes: Any) -> None:
        self._reports[node_id] = dataclasses.replace(self._reports[node_id], **changes)
        self._progress.update(self._reports[node_id])

    def _append_log(self, node_id: str, text: str) -> None:
        path = self._launcher.log_path(node_id)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _record_cancelled(self, run_id: str) -> None:
        # Nodes in flight were recorded as failed when their workers went away.
        with self._handle as m:
            run = m.store.get_context_by_type_and_name(keys.RUN_CONTEXT, run_id)
            failed = metadata_store_pb2.Execution.FAILED
            recovery.cancel(
                m.store,
                [
                    execution.id
                    for execution in m.store.get_executions_by_context(run.id)
                    if execution.last_known_state == failed
                ],
            )

    def _is_stable(self) -> bool:
        """Whether every resolver would answer now what it answered in this run.

        Only answers that another node takes in count: a model judged again has a new blessing,
        which nobody asks for.
        """
        used = {
            (channel.producer_node_query.id, channel.output_key)
            for spec in self._specs.values()
            for inputs in spec.inputs.inputs.values()
            for channel in inputs.channels
        }
        for node_id, spec in self._specs.items():
            if spec.node_info.type.name != _RESOLVER:
                continue
            execution_id = self._reports[node_id].execution_id
            if execution_id is None:
                return False
            with self._handle as m:
                answered = evidence.outputs_of(m.store, execution_id)
                forecast = inputs_utils.resolve_input_artifacts(
                    pipeline_node=spec, metadata_handle=m
                )
            if isinstance(forecast, inputs_utils.Skip) or len(forecast) != 1:
                return False
            now, then = _ids(forecast[0]), _output_ids(answered)
            keys_used = {key for key in {*now, *then} if (node_id, key) in used}
            if any(now.get(key) != then.get(key) for key in keys_used):
                return False
        return True


_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


def _ids(resolved: Mapping[str, Iterable[Any]]) -> dict[str, list[int]]:
    return {key: [a.id for a in artifacts] for key, artifacts in resolved.items() if artifacts}


def _ingests(spec: pipeline_pb2.PipelineNode) -> bool:
    types = {output.artifact_spec.type.name for output in spec.outputs.outputs.values()}
    return _EXAMPLES in types and not spec.inputs.inputs


def _output_ids(outputs: gates.Outputs) -> dict[str, list[int]]:
    return {key: [artifact.id for _, artifact in pairs] for key, pairs in outputs.items()}
