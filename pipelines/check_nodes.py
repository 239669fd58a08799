"""Nodes that pipelines which check something are made of: the served rows, and what a run made.

What training made is imported under the address that it has, so that it stays the same artifact,
and lineage leads from a check to the run that trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.pipeline import Pipeline
from tfx.types import channel

from components.prediction_log_example_gen import PredictionLogExampleGen
from components.prediction_log_example_gen.windows import Range
from pipelines.config import PipelineConfig
from pipelines.lineage.store import connection_config
from pipelines.runners.beam import facts as beam
from pipelines.workspace import Workspace

# Of the served rows: one split, by the name that validators look for.
SPLIT = "serving"


def importer(uri: str, type_: Any, name: str) -> Importer:
    """Returns a node that brings in an artifact of another pipeline.

    Args:
        uri: Of the artifact.
        type_: Its class.
        name: Id of the node.
    """
    made: Importer = Importer(source_uri=uri, artifact_type=type_, reimport=False).with_id(name)
    return made


def log_examples(
    config: PipelineConfig,
    log_folder: Path,
    period: Range,
    *,
    fingerprint: str,
    absent: Mapping[str, str | float],
    schema: channel.BaseChannel,
) -> PredictionLogExampleGen:
    """Returns the node that makes examples of what callers were answered.

    Args:
        config: Of the pipeline whose model was served.
        log_folder: Of the request log.
        period: The time to look at.
        fingerprint: Of the log's shards of that time.
        absent: Values that stand for none, by feature.
        schema: Of type `Schema`.
    """
    return PredictionLogExampleGen(
        log_folder,
        window=f"{period.window_sec}s",
        start=period.start_sec,
        end=period.end_sec,
        schema=schema,
        absent=absent,
        model_name=config.name,
        prediction_output=config.skew.prediction_output,
        split=SPLIT,
        log_fingerprint=fingerprint,
    )


def assembled(
    config: PipelineConfig, workspace: Workspace, name: str, nodes: Sequence[BaseNode]
) -> Pipeline:
    """Returns the pipeline of some nodes.

    Args:
        config: Of the pipeline that trains.
        workspace: Where artifacts and metadata go.
        name: Of the pipeline that checks.
        nodes: All of it.
    """
    return Pipeline(
        pipeline_name=name,
        pipeline_root=str(workspace.pipeline_root(name)),
        components=list(nodes),
        enable_cache=True,
        metadata_connection_config=connection_config(workspace.metadata_url),
        beam_pipeline_args=beam.args(config),
    )
