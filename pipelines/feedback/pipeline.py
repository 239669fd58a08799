"""The pipeline that checks how models did in production, as a function of what it looks at.

    PredictionLogExampleGen ─► FeedbackJoin ─► PerformanceValidator
         curated schema ───────────┘   imported: evaluations ┘

The evaluations are those of the runs that trained the versions that served, so lineage leads from
a check to them. Choosing what to look at is for `pipelines.feedback.check`.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.types import channel_utils, standard_artifacts

from components.feedback_join.component import FeedbackJoin
from components.performance_validator import keys
from components.performance_validator.component import PerformanceValidator
from pipelines import check_nodes
from pipelines.config import PipelineConfig
from pipelines.feedback.names import VALIDATOR, pipeline_name
from pipelines.feedback.plans import Plan
from pipelines.workspace import Workspace


def over_window(config: PipelineConfig, workspace: Workspace, plan: Plan) -> Pipeline:
    """Returns the pipeline that checks a window of requests.

    Args:
        config: Of the pipeline that trains.
        workspace: Where artifacts and metadata go.
        plan: What to look at.
    """
    feedback = config.feedback
    curated = ImportSchemaGen(schema_file=str(Path(config.schema_path).absolute()))
    schema = curated.outputs["schema"]
    served = check_nodes.log_examples(
        config,
        plan.log_folder,
        plan.period,
        fingerprint=plan.fingerprint,
        absent=plan.absent,
        schema=schema,
    )
    labelled = FeedbackJoin(
        served_examples=served.outputs["examples"],
        schema=schema,
        labels_folder=plan.labels_folder,
        labels_fingerprint=plan.labels_fingerprint,
        columns=feedback.columns or (config.label,),
        identifiers=config.skew.identifiers,
        max_delay_sec=feedback.max_delay_sec,
        as_of_sec=plan.as_of_sec,
        contradictions=feedback.contradictions,
    )
    importers, inputs = _evaluations(plan)
    validator = PerformanceValidator(
        labelled_examples=labelled.outputs["labelled_examples"],
        eval_config=_eval_config(config),
        label_fn=feedback.label_fn,
        terms=dataclasses.asdict(feedback),
        identifiers=config.skew.identifiers,
        title=plan.title,
        **inputs,
    ).with_id(VALIDATOR)
    nodes = [curated, *importers, served, labelled, validator]
    return check_nodes.assembled(config, workspace, pipeline_name(config.name), nodes)


def _evaluations(plan: Plan) -> tuple[list[BaseNode], dict[str, Any]]:
    # What was pushed twice has two versions and one evaluation.
    first = {uri: version for version, uri in sorted(plan.evaluations.items(), reverse=True)}
    importers = [
        check_nodes.importer(uri, standard_artifacts.ModelEvaluation, f"evaluation_{version}")
        for uri, version in first.items()
    ]
    if not importers:
        return [], {}
    outputs = [one.outputs["result"] for one in importers]
    return importers, {
        keys.EVALUATIONS: outputs[0] if len(outputs) == 1 else channel_utils.union(outputs),
        keys.EVALUATED: dict(plan.evaluations),
    }


def _eval_config(config: PipelineConfig) -> Any:
    module, _, name = config.eval_config_fn.rpartition(".")
    return getattr(importlib.import_module(module), name)(config)
