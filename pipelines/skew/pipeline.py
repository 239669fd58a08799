"""The pipelines that check for skew and drift, as functions of what is to be compared.

    over_served   PredictionLogExampleGen ─► StatisticsGen ─┐
                  imported: examples, statistics, schema, ──┴─► SkewValidator
                  model of the training; or the window before, by the same two components

    over_spans    ArrowExampleGen ─► StatisticsGen, for each of two ranges of spans ─► SkewValidator

Nodes that other checks are made of too are in `pipelines.check_nodes`. Choosing what to compare is
for `pipelines.skew.check`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.types import channel, standard_artifacts

from components.arrow_example_gen import ArrowExampleGen
from components.prediction_log_example_gen import PredictionLogExampleGen
from components.prediction_log_example_gen.windows import Range
from components.skew_validator import keys
from components.skew_validator.component import SkewValidator
from pipelines import check_nodes, example_splits
from pipelines.config import PipelineConfig, to_dict
from pipelines.skew.baseline import Baseline
from pipelines.skew.names import VALIDATOR, pipeline_name
from pipelines.skew.plans import ServedPlan, SpansPlan
from pipelines.workspace import Workspace


def over_served(config: PipelineConfig, workspace: Workspace, plan: ServedPlan) -> Pipeline:
    """Returns the pipeline that checks what was served.

    Args:
        config: Of the pipeline that trains.
        workspace: Where artifacts and metadata go.
        plan: What to compare.
    """
    nodes: list[BaseNode] = []
    baseline = plan.baseline
    schema = _schema(config, baseline, nodes)
    served = _served(config, plan, plan.period, plan.fingerprint, schema)
    statistics = StatisticsGen(examples=served.outputs["examples"])
    inputs: dict[str, Any] = {}
    if plan.previous is not None:
        earlier = _served(config, plan, plan.previous, plan.previous_fingerprint, schema)
        earlier = earlier.with_id("PreviousPredictionLogExampleGen")
        earlier_statistics = StatisticsGen(examples=earlier.outputs["examples"])
        inputs[keys.PREVIOUS_EXAMPLES] = earlier.outputs["examples"]
        inputs[keys.PREVIOUS_STATISTICS] = earlier_statistics.outputs["statistics"]
        nodes += [earlier, earlier_statistics.with_id("PreviousStatisticsGen")]
    elif baseline is not None:
        inputs |= _imported(baseline, nodes)
    validator = SkewValidator(
        serving_examples=served.outputs["examples"],
        serving_statistics=statistics.outputs["statistics"],
        schema=schema,
        terms=to_dict(config.skew),
        seed=config.seed,
        label=config.label,
        title=plan.title,
        against=keys.TRAINING if plan.previous is None else keys.PREVIOUS,
        model_version=baseline.version if baseline and plan.previous is None else "",
        serving_split=check_nodes.SPLIT,
        prediction_output=config.skew.prediction_output,
        **inputs,
    ).with_id(VALIDATOR)
    name = pipeline_name(config.name)
    return check_nodes.assembled(config, workspace, name, [*nodes, served, statistics, validator])


def over_spans(config: PipelineConfig, workspace: Workspace, plan: SpansPlan) -> Pipeline:
    """Returns the pipeline that looks for drift between two ranges of a data set's spans.

    Args:
        config: Of the pipeline that trains on the data; its `data_root` is filled.
        workspace: Where artifacts and metadata go.
        plan: What to compare.
    """
    curated = ImportSchemaGen(schema_file=str(Path(config.schema_path).absolute()))
    newer = _span_examples(config, plan.spans)
    older = _span_examples(config, plan.against).with_id("PreviousArrowExampleGen")
    statistics = StatisticsGen(examples=newer.outputs["examples"])
    older_statistics = StatisticsGen(examples=older.outputs["examples"])
    validator = SkewValidator(
        serving_examples=newer.outputs["examples"],
        serving_statistics=statistics.outputs["statistics"],
        previous_examples=older.outputs["examples"],
        previous_statistics=older_statistics.outputs["statistics"],
        schema=curated.outputs["schema"],
        terms=to_dict(config.skew),
        seed=config.seed,
        label=config.label,
        title=plan.title,
        against=keys.PREVIOUS,
        serving_split=check_nodes.SPLIT,
    ).with_id(VALIDATOR)
    older_statistics = older_statistics.with_id("PreviousStatisticsGen")
    nodes = [curated, newer, older, statistics, older_statistics, validator]
    return check_nodes.assembled(config, workspace, pipeline_name(config.name), nodes)


def _schema(
    config: PipelineConfig, baseline: Baseline | None, nodes: list[BaseNode]
) -> channel.BaseChannel:
    """Adds what brings in the schema: that of the training, or else the curated one."""
    if baseline is not None and baseline.schema is not None:
        node: Any = check_nodes.importer(baseline.schema.uri, standard_artifacts.Schema, "schema")
        outputs = node.outputs["result"]
    else:
        node = ImportSchemaGen(schema_file=str(Path(config.schema_path).absolute()))
        outputs = node.outputs["schema"]
    nodes.append(node)
    found: channel.BaseChannel = outputs
    return found


def _imported(baseline: Baseline, nodes: list[BaseNode]) -> dict[str, channel.BaseChannel]:
    """Adds what brings in the results of the training; returns them as inputs."""
    types = [
        (keys.TRAINING_EXAMPLES, baseline.examples, standard_artifacts.Examples),
        (keys.TRAINING_STATISTICS, baseline.statistics, standard_artifacts.ExampleStatistics),
        (keys.MODEL, baseline.model, standard_artifacts.Model),
    ]
    inputs = {}
    for key, artifact, type_ in types:
        if artifact is not None:
            node = check_nodes.importer(artifact.uri, type_, key)
            nodes.append(node)
            inputs[key] = node.outputs["result"]
    return inputs


def _served(
    config: PipelineConfig,
    plan: ServedPlan,
    period: Range,
    fingerprint: str,
    schema: channel.BaseChannel,
) -> PredictionLogExampleGen:
    return check_nodes.log_examples(
        config,
        plan.log_folder,
        period,
        fingerprint=fingerprint,
        absent=plan.absent,
        schema=schema,
    )


def _span_examples(config: PipelineConfig, spans: tuple[int, int]) -> ArrowExampleGen:
    first, last = spans
    return ArrowExampleGen(
        input_base=str(Path(config.data_root).absolute()),
        input_config=example_splits.input_config(config),
        output_config=example_splits.output_splits(**{check_nodes.SPLIT: 1}),
        range_config=example_splits.range_config(f"{first}:{last}"),
    )
