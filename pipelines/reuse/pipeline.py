"""The pipeline that evaluates older versions, as a function of which.

    ArrowExampleGen of the newest span ─┐
    imported: the pushed models ────────┴─► VersionSelector

What was pushed is imported under the address that it has, so that it stays the same artifact, and
lineage leads from a choice to the runs that trained. What is asked are the folders that are served.
Choosing versions and span is for `pipelines.reuse.check`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.pipeline import Pipeline
from tfx.types import channel, standard_artifacts
from tfx.types.channel_utils import union

from components.arrow_example_gen import ArrowExampleGen
from components.version_selector.component import VersionSelector
from pipelines import check_nodes, example_splits
from pipelines.config import PipelineConfig
from pipelines.reuse.names import SELECTOR, SPLIT, pipeline_name
from pipelines.tabular.columns import transformed_name
from pipelines.workspace import Workspace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to evaluate.

    Attributes:
        span: Number of the newest span; None where the data has no spans.
        serving: The version that serves.
        versions: Those that are asked, the one that serves among them.
        artifacts: Address of the artifact of type `PushedModel`, by version as far as known.
        passed_over: Why other versions are not evaluated.
    """

    span: int | None
    serving: int
    versions: tuple[int, ...]
    artifacts: Mapping[int, str]
    passed_over: Mapping[int, str]


def over_versions(config: PipelineConfig, workspace: Workspace, plan: Plan) -> Pipeline:
    """Returns the pipeline.

    Args:
        config: Of the pipeline that trains; its `data_root` is filled.
        workspace: Where artifacts and metadata go.
        plan: What to evaluate.
    """
    name = pipeline_name(config.name)
    newest = ArrowExampleGen(
        input_base=str(Path(config.data_root).absolute()),
        input_config=example_splits.input_config(config),
        output_config=example_splits.output_splits(**{SPLIT: 1}),
        range_config=example_splits.range_config(
            "" if plan.span is None else f"{plan.span}:{plan.span}"
        ),
    )
    importers = [
        check_nodes.importer(uri, standard_artifacts.PushedModel, f"Version{version}")
        for version, uri in sorted(plan.artifacts.items())
    ]
    selector = VersionSelector(
        examples=newest.outputs["examples"],
        models_folder=workspace.model_root(config.name),
        versions=plan.versions,
        serving_version=plan.serving,
        pushed_models=_together(importers),
        passed_over=plan.passed_over,
        split=SPLIT,
        label=transformed_name(config.label),
        prediction_output=config.skew.prediction_output,
        error_rate=1 - config.feedback.confidence,
        min_metric=config.evaluation.min_auc,
    ).with_id(SELECTOR)
    nodes: list[BaseNode] = [newest, *importers, selector]
    return check_nodes.assembled(config, workspace, name, nodes)


def _together(importers: list[Importer]) -> channel.BaseChannel | None:
    results = [importer.outputs["result"] for importer in importers]
    if len(results) < 2:
        return results[0] if results else None
    together: channel.BaseChannel = union(results)
    return together
