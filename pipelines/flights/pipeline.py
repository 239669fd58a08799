"""The flights pipeline: the standard one, bound to departures from New York."""

from __future__ import annotations

from tfx.orchestration.pipeline import Pipeline

from pipelines import standard
from pipelines.config import PipelineConfig
from pipelines.flights.search_space import SEARCH_SPACE
from pipelines.workspace import Workspace


def create_pipeline(config: PipelineConfig, workspace: Workspace) -> Pipeline:
    """Assembles the pipeline for a configuration, usually `pipelines.flights.config.CONFIG`."""
    return standard.create_pipeline(config, workspace, search_space=SEARCH_SPACE)
