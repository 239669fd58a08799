"""Runs a pipeline on this machine, from the lock to the verdict.

`run` takes any `tfx.dsl.Pipeline`. It imports neither TFX nor TensorFlow before it knows that they
are needed: a rerun with nothing changed is recorded and over in a second (see `unchanged`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ml_metadata

from pipelines import stack, verdicts
from pipelines.errors import RingwayError
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.lineage.store import open_store
from pipelines.runners.local import lock, recovery, run_record, unchanged
from pipelines.runners.local.code_version import code_of_this_process
from pipelines.runners.local.report import NodeReport, Progress, RunReport, Silent
from pipelines.runners.local.run_ids import run_id as make_run_id
from pipelines.runners.local.schedule import NodeState
from pipelines.runners.local.unchanged import Identity, Witness
from pipelines.runners.local.worker import Workers
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

    from pipelines.runners.local.execution import Ending


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run a pipeline.

    Attributes:
        from_nodes: Where a partial run starts.
        to_nodes: Where a partial run ends.
        force: Whether to ignore the cache.
        fresh: Nodes that must run even when an earlier result would do.
        fail_on: The severity of anomalies that stops a run: `error`, `warning` or `never`.
        jobs: How many nodes may run at the same time; 0 for one per core.
        wait: Whether to wait for another run of the pipeline to end.
        trigger: What started the run; recorded with it.
        config: The pipeline's configuration; recorded with the run.
        properties: Further custom properties of the run; recorded from its first moment on.
        preload: Modules that all workers share, such as the one that makes the pipeline.
    """

    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    force: bool = False
    fresh: tuple[str, ...] = ()
    fail_on: Literal["error", "warning", "never"] = "error"
    jobs: int = 0
    wait: bool = False
    trigger: str = "on demand"
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    properties: Mapping[str, str | int | float] = dataclasses.field(default_factory=dict)
    preload: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every node takes part and may use the cache."""
        return not (self.from_nodes or self.to_nodes or self.force or self.fresh)


def run(  # noqa: PLR0913  (the injected edges have defaults)
    name: str,
    make_pipeline: Callable[[], Pipeline],
    workspace: Workspace,
    *,
    options: RunOptions | None = None,
    identity: Callable[[], Identity] | None = None,
    progress: Progress | None = None,
    now: Callable[[], float] = time.time,
    token: Callable[[], str] = lambda: uuid.uuid4().hex[:4],
) -> RunReport:
    """Runs a pipeline and returns how it ended.

    Args:
        name: The pipeline's name, as in the pipeline itself.
        make_pipeline: Makes the pipeline; called only when it has to run.
        workspace: Where results and metadata go.
        options: How to run it.
        identity: Tells what the result depends on. Without it an unchanged rerun is not
            recognised as a whole, only node by node.
        progress: Is told what happens.
        now: The time in seconds since the epoch.
        token: Makes the random part of the run's name.

    Raises:
        BusyError: Another run of this pipeline is at work, and `options.wait` is false.
        MetadataError: ML Metadata cannot be reached.
        UsageError: A selected node does not exist, or a partial run has nothing to build on.
    """
    options = options or RunOptions()
    progress = progress or Silent()
    state_root = workspace.root / "state" / name
    with lock.exclusive(state_root / "lock", name=name, wait=options.wait, on_wait=progress.note):
        started = now()
        run_id = make_run_id(name, started, token())
        store = open_store(workspace.metadata_url)
        for done in recovery.recover(store, name):
            progress.note(done)
        current = identity() if identity else None
        witness_path = state_root / "unchanged.json"
        run_of = _Run(name, run_id, started, options, workspace, progress, now)
        if current and options.is_whole:
            report = run_of.repeat(store, Witness.read(witness_path), current)
            if report is not None:
                return report
        witness_path.unlink(missing_ok=True)
        del store  # the run opens a connection of its own
        report, is_stable = run_of.execute(make_pipeline)
        if current and options.is_whole and is_stable:
            Witness(
                identity=current,
                run_id=run_id,
                last_artifact_id=unchanged.last_artifact_id(
                    open_store(workspace.metadata_url), name
                ),
                pushed_to=report.pushed_to,
            ).write(witness_path)
        return report


class _Run:
    """One run under way: holds what its parts share."""

    def __init__(
        self,
        name: str,
        run_id: str,
        started: float,
        options: RunOptions,
        workspace: Workspace,
        progress: Progress,
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._run_id = run_id
        self._started = started
        self._options = options
        self._workspace = workspace
        self._progress = progress
        self._now = now
        self._began = time.monotonic()  # `now` may be simulated
        self._log_root = workspace.log_root(name, run_id)

    def repeat(
        self, store: ml_metadata.MetadataStore, witness: Witness | None, identity: Identity
    ) -> RunReport | None:
        """Records an unchanged rerun; returns None when the pipeline has to run."""
        if witness is None:
            return None
        reason = unchanged.difference(
            witness, identity, unchanged.last_artifact_id(store, self._name)
        )
        if reason:
            self._progress.note(f"{reason} since the last run")
            return None
        earlier = unchanged.executions_of(store, witness.run_id)
        if earlier is None or (witness.pushed_to and not Path(witness.pushed_to).is_dir()):
            self._progress.note("results of the last run are gone")
            return None
        run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, witness.run_id)
        state = run.custom_properties[keys.RUN_STATE].string_value
        nodes = tuple(
            NodeReport(id=node_id, state=NodeState.CACHED, execution_id=execution.id)
            for node_id, execution in earlier.items()
        )
        self._progress.begin(self._run_id, tuple(earlier))
        unchanged.record(store, earlier, self._run_id, self._opening())
        report = self._report(verdicts.Outcome(state=state), nodes, witness.pushed_to)
        self._close(store, report)
        return report

    def execute(self, make_pipeline: Callable[[], Pipeline]) -> tuple[RunReport, bool]:
        """Runs the pipeline; returns its report, and whether a rerun would be the same."""
        workers = Workers(self._options.preload)  # imports begin there while they do here
        from pipelines.runners.local import execution

        handle = _open_handle(self._workspace.metadata_url)
        selection = execution.Selection(
            from_nodes=self._options.from_nodes,
            to_nodes=self._options.to_nodes,
            force=self._options.force,
            fresh=self._options.fresh,
        )
        compiled = execution.compile_pipeline(
            make_pipeline(),
            self._run_id,
            selection=selection,
            code=code_of_this_process(),
            stack=stack.tfx_version(),
        )
        self._open(handle, compiled.runtime_spec.pipeline_root.field_value.string_value)
        ending: Ending | None = None
        try:
            ending = execution.PipelineExecution(
                compiled,
                handle,
                workers,
                log_root=self._log_root,
                selection=selection,
                fail_on=self._options.fail_on,
                jobs=self._options.jobs or len(os.sched_getaffinity(0)),
                progress=self._progress,
            ).run(self._run_id)
            outcome = _outcome(ending)
        except RingwayError as error:
            outcome = verdicts.Outcome(state=RunState.FAILED, reason=str(error))
            self._finish(handle, self._report(outcome, (), ""))
            raise
        except Exception as error:
            # A fault of the runner itself, such as a full disk under ML Metadata.
            workers.stop()
            self._write_trace(traceback.format_exc())
            outcome = verdicts.Outcome(state=RunState.FAILED, reason=f"broke down: {error}")
            with contextlib.suppress(Exception):  # the same fault may forbid to say so
                self._finish(handle, self._report(outcome, (), ""))
            raise RingwayError(
                f"The run broke down: {type(error).__name__}: {error}",
                remedy=f"The trace is in {self._log_root / 'run.log'}.",
            ) from error
        report = self._report(outcome, ending.nodes, ending.pushed_to)
        self._finish(handle, report)
        return report, ending.is_stable and outcome.exit_code == 0

    def _opening(self) -> dict[str, Any]:
        return {
            **run_record.opening(
                self._name,
                started_sec=self._started,
                trigger=self._options.trigger,
                config=self._options.config,
            ),
            **self._options.properties,
        }

    def _open(self, handle: Any, root: str) -> None:
        with handle as m:
            opening = {**self._opening(), keys.RUN_ROOT: root}
            run_record.open_run(m.store, self._run_id, opening)

    def _finish(self, handle: Any, report: RunReport) -> None:
        with handle as m:
            self._close(m.store, report)

    def _close(self, store: ml_metadata.MetadataStore, report: RunReport) -> None:
        run_record.close_run(
            store,
            self._run_id,
            report.outcome,
            nodes={node.id: str(node.state) for node in report.nodes},
            finished_sec=self._now(),
        )
        self._progress.end(report)

    def _report(
        self, outcome: verdicts.Outcome, nodes: tuple[NodeReport, ...], pushed_to: str
    ) -> RunReport:
        return RunReport(
            run_id=self._run_id,
            pipeline=self._name,
            outcome=outcome,
            nodes=nodes,
            seconds=time.monotonic() - self._began,
            pushed_to=pushed_to,
            log_root=self._log_root,
        )

    def _write_trace(self, trace: str) -> None:
        self._log_root.mkdir(parents=True, exist_ok=True)
        with (self._log_root / "run.log").open("a", encoding="utf-8") as file:
            file.write(trace)


def _open_handle(url: str) -> Any:
    from pipelines.runners.local.launching import SharedMetadata

    return SharedMetadata(url)


def _outcome(ending: Ending) -> verdicts.Outcome:
    failures = [(node.id, str(node.failure)) for node in ending.nodes if node.failure is not None]
    complete = all(
        node.state.is_done and node.state is not NodeState.SKIPPED for node in ending.nodes
    )
    return verdicts.outcome(ending.gates, failures, cancelled=ending.cancelled, complete=complete)
