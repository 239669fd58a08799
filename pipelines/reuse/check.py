"""Asks whether an older version suits the newest data better than the one that serves.

    answer = check.choose(config, workspace, serving_version=12, span=40, progress=..., now=...)
    answer.version    8, or None: train a new one
    answer.because    in words, with one on every version that was looked at

The evaluation is a run of a pipeline of its own, so that it is in ML Metadata with what it read.
Where there is nothing to evaluate, nothing is run. Deploying the version is left to the caller.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipelines import data_folder
from pipelines.check_results import result_folder
from pipelines.config import PipelineConfig
from pipelines.lineage import graph
from pipelines.lineage.keys import RunState
from pipelines.lineage.store import open_store
from pipelines.reuse import rollbacks
from pipelines.reuse.candidates import Candidates, candidates
from pipelines.reuse.names import SELECTOR, pipeline_name
from pipelines.runners.local import runner
from pipelines.runners.local.report import Progress, RunReport
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from components.version_selector.findings import Findings

_PIPELINE = "pipelines.reuse.pipeline"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What to do.

    Attributes:
        version: The older version to deploy; None to train a new one.
        because: Why, with a word on every version that was looked at.
        run: The run that evaluated them; None where there was nothing to evaluate.
        findings: What it measured; None where no run ended well.
    """

    version: int | None
    because: str
    run: RunReport | None = None
    findings: Findings | None = None


def choose(
    config: PipelineConfig,
    workspace: Workspace,
    *,
    serving_version: int,
    span: int | None,
    progress: Progress,
    now: Callable[[], float] = time.time,
) -> Answer:
    """Evaluates older versions on the newest span, where the configuration lets them be reused.

    It may be called again with the same span, as after a crash: the answer is the same.

    Args:
        config: Of the pipeline that trains.
        workspace: With its runs and what they pushed.
        serving_version: Which version serves.
        span: Number of the newest span, whose labels have to be there; None for all of the data
            where it has no spans.
        progress: Is told what happens.
        now: The time in seconds since the epoch, as it is recorded.

    Raises:
        BusyError: Versions of this pipeline are being evaluated already.
        RingwayError: The pipeline could not be run.
    """
    if not config.rollout.reuse:
        return Answer(version=None, because="train: the reuse of older versions is off")
    found = looked_up(config.name, workspace, serving_version)
    if not found.asked:
        return Answer(version=None, because=_nothing_to_ask(found))
    root = workspace.model_root(config.name)
    if not (root / str(serving_version)).is_dir():
        because = f"train: version {serving_version}, which serves, is not in {root}"
        return Answer(version=None, because=because)
    return _evaluate(config, workspace, found, serving_version, span, progress, now)


def looked_up(name: str, workspace: Workspace, serving_version: int) -> Candidates:
    """Returns which versions of a pipeline may go back into service.

    Args:
        name: Of the pipeline that trains.
        workspace: With its runs and what they pushed.
        serving_version: Which version serves.

    Raises:
        MetadataError: The store cannot be read.
    """
    store = open_store(workspace.metadata_url, read_only=True)
    if name not in graph.pipelines(store):
        return Candidates()
    root = workspace.model_root(name)
    return candidates(
        graph.load(store, name),
        serving=serving_version,
        rolled_back=rollbacks.versions(store, name),
        on_disk=lambda version: (root / str(version)).is_dir(),
    )


def _evaluate(
    config: PipelineConfig,
    workspace: Workspace,
    found: Candidates,
    serving: int,
    span: int | None,
    progress: Progress,
    now: Callable[[], float],
) -> Answer:
    config = data_folder.resolve(config, workspace, progress.note)
    asked = (*found.asked, serving)

    def make() -> Any:
        # Imports TFX, which the workers of the run do at the same time.
        module = importlib.import_module(_PIPELINE)
        plan = module.Plan(
            span=span,
            serving=serving,
            versions=asked,
            artifacts={v: found.pushed[v].uri for v in asked if v in found.pushed},
            passed_over=found.passed_over,
        )
        return module.over_versions(config, workspace, plan)

    options = runner.RunOptions(
        trigger="reuse",
        config={"span": span, "serving_version": serving, "versions": list(found.asked)},
        preload=(_PIPELINE,),
    )
    report = runner.run(
        pipeline_name(config.name), make, workspace, options=options, progress=progress, now=now
    )
    if report.outcome.state == RunState.CANCELLED:
        raise KeyboardInterrupt  # who stops this means the loop
    folder = result_folder(workspace, report, SELECTOR, "choice")
    if folder is None:
        because = f"train: older versions could not be evaluated: {report.outcome.reason}"
        return Answer(version=None, because=because, run=report)
    from components.version_selector import findings, keys

    measured = findings.from_json((folder / keys.FINDINGS_FILE).read_text(encoding="utf-8"))
    return Answer(version=measured.chosen, because=measured.because, run=report, findings=measured)


def _nothing_to_ask(found: Candidates) -> str:
    if not found.passed_over:
        return "train: there is no older version"
    over = "; ".join(f"version {version} {why}" for version, why in found.passed_over.items())
    return f"train: no older version may go back into service: {over}"
