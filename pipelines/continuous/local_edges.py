"""How the loop touches the world on this machine: files, ML Metadata, the local runner, the server.

The other side of `edges.Edges`. What is heavy is imported when it is needed, so that a look at
which nothing happens costs little.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from components.arrow_example_gen import patterns
from pipelines import data_folder, training
from pipelines.config import PipelineConfig
from pipelines.continuous import judging, ledger, new_data
from pipelines.continuous.edges import Reuse, Rollouts
from pipelines.continuous.judging import Judge, Judged
from pipelines.continuous.rolling_out import RollingOut
from pipelines.continuous.snapshot import Span
from pipelines.continuous.triggers import Decision
from pipelines.continuous.windows import Window
from pipelines.lineage import graph, keys
from pipelines.lineage.records import ArtifactRecord
from pipelines.lineage.store import open_store
from pipelines.runners.local.report import Progress, RunReport
from pipelines.runners.local.runner import RunOptions
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from ml_metadata.metadata_store.metadata_store import MetadataStore


class LocalEdges:
    """The world as it is on this machine.

    Args:
        pipeline: Name of the folder under `pipelines`.
        config: Its configuration.
        workspace: With its runs, logs and models.
        clock: The time in seconds since the epoch.
        progress: Makes what is told of each run and check.
        say: Tells the user something.
    """

    def __init__(
        self,
        pipeline: str,
        config: PipelineConfig,
        workspace: Workspace,
        *,
        clock: Callable[[], float],
        progress: Callable[[], Progress],
        say: Callable[[str], None],
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._workspace = workspace
        self._progress = progress
        self._trained: tuple[object, tuple[ArtifactRecord, ...]] | None = None
        self._rollouts = RollingOut(config, workspace, clock=clock, token=self.token)
        self.now = clock
        self.say = say

    def open_store(self) -> MetadataStore:
        """Opens ML Metadata."""
        return open_store(self._workspace.metadata_url)

    def token(self) -> str:
        """Returns a UUID."""
        return uuid.uuid4().hex

    def conduct(self, store: MetadataStore) -> Rollouts:
        """Lets rollouts go on, and returns how they stand."""
        return self._rollouts.conduct(store)

    def first_request_sec(self) -> float | None:
        """Returns when the oldest request of the log came; None without any."""
        return self._judge().first_sec()

    def judge(self, kind: str, window: Window) -> Sequence[Judged]:
        """Checks a window."""
        judge = self._judge()
        return judge.performance(window) if kind == judging.PERFORMANCE else judge.skew(window)

    def new_spans(self, store: MetadataStore) -> tuple[Span, ...]:
        """Returns the spans that no training has read."""
        config = data_folder.resolve(self._config, self._workspace, self.say)
        return new_data.new_spans(config, self._trained_on(store))

    def run_is_under_way(self) -> bool:
        """Returns whether a run of the pipeline is at work on this machine."""
        return ledger.is_held(self._workspace.root / "state" / self._config.name / "lock")

    def run(self, decision: Decision) -> RunReport:
        """Runs the pipeline."""
        ready = training.prepared(self._pipeline, self._config, self._workspace, self.say)
        options = RunOptions(
            trigger=decision.trigger, properties=ledger.run_properties(decision), wait=True
        )
        return ready.run(self._workspace, options=options, progress=self._progress(), now=self.now)

    def reuse(self, serving: str, spans: Iterable[Span]) -> Reuse:
        """Chooses an older version, if one does better on the newest data."""
        from pipelines.reuse import check

        numbers = [span.number for span in spans]
        if not numbers:
            return Reuse(version=None, because="train: there is no data that no training has read")
        config = data_folder.resolve(self._config, self._workspace, self.say)
        answer = check.choose(
            config,
            self._workspace,
            serving_version=int(serving),
            span=max(numbers) if patterns.has_spans(config.input_pattern) else None,
            progress=self._progress(),
            now=self.now,
        )
        return Reuse(version=answer.version, because=answer.because)

    def deployed(self, store: MetadataStore, decision: Decision) -> int | None:
        """Returns the older version whose rollout a decision asked for, if it did."""
        return self._rollouts.deployed(store, decision.id)

    def deploy(self, store: MetadataStore, version: int, decision: Decision) -> None:
        """Asks for the rollout of an older version, once for each decision."""
        self._rollouts.deploy(store, version, decision.id)

    def _judge(self) -> Judge:
        config = self._config
        if not config.data_root:
            config = data_folder.resolve(config, self._workspace, self.say)
        return Judge(
            config=config, workspace=self._workspace, progress=self._progress(), clock=self.now
        )

    def _trained_on(self, store: MetadataStore) -> tuple[ArtifactRecord, ...]:
        """Reads the history again only when a run has begun or ended since."""
        contexts = [
            context
            for context in store.get_contexts_by_type(keys.RUN_CONTEXT)
            if context.custom_properties[keys.RUN_PIPELINE].string_value == self._config.name
        ]
        state = [(context.id, context.last_update_time_since_epoch) for context in contexts]
        if self._trained is None or self._trained[0] != state:
            known = self._config.name in graph.pipelines(store)
            history = graph.load(store, self._config.name) if known else None
            self._trained = state, new_data.trained_on(history)
        return self._trained[1]


def machine() -> str:
    """Returns a name for this machine, which is the same after a restart."""
    return os.uname().nodename
