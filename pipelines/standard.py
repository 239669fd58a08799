"""The continuous-training pipeline, as a function of its arguments.

    examples ─► statistics ─► inferred schema (to compare with the curated one)
       │             └──────► anomalies ─ ─ ─ ┤ stop the run
       ├───► data quality (where rules are) ─ ┘
       └─► transform ─► tuner ─► trainer ─┬─► evaluator ────────┬─► pusher
             curated schema        ▲      │       ▲             │
                    best hyperparameters  │  latest blessed     │
                                          │      model          │
                                          └─► serving validator ┘

Four components are not stock: ArrowExampleGen, for which stock CsvExampleGen can stand in; the
data quality validator, which is there where the configuration names rules; the serving validator,
which looks at the model as a server has it, beside Evaluator rather than after it, since it takes
half as long and a core is idle; and the pusher, which is stock Pusher and asks for a rollout. It
pushes the serving validator's copy, which has warm-up requests. What is done with the components'
results (stopping at anomalies, reusing a search) is left to the runner; what is special to a data
set to `pipelines/<name>/`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# One by one: `tfx.v1` would bring in the Google Cloud SDK, which costs seconds.
from tfx.components.evaluator.component import Evaluator
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import channel, standard_artifacts

from components.arrow_example_gen import ArrowExampleGen
from components.data_quality_validator import DataQualityValidator
from components.data_quality_validator import clock as quality_clock
from components.rollout_pusher import RolloutPusher
from components.serving_validator import ServingValidator
from pipelines import example_splits
from pipelines.config import PipelineConfig, to_dict
from pipelines.lineage.store import connection_config
from pipelines.runners.beam import facts as beam
from pipelines.runners.kubeflow.settings import Parameter, Target
from pipelines.workspace import Workspace
from serving import clock

BASELINE = "latest_blessed_model_resolver"
PUSHER = "Pusher"


def create_pipeline(
    config: PipelineConfig, workspace: Workspace, *, search_space: Mapping[str, Any]
) -> Pipeline:
    """Assembles the pipeline.

    Args:
        config: The data set, the functions of the user and their parameters. Its `data_root` is a
            folder, as `pipelines.data_folder.resolve` gives it.
        workspace: Where artifacts, pushed models and metadata go.
        search_space: What Tuner searches, as plain data. While it and `config.tuner` stay the same,
            recorded best hyperparameters are reused.

    Returns:
        A pipeline for any TFX runner.
    """
    example_gen = _example_gen(config)
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    curated = ImportSchemaGen(schema_file=str(Path(config.schema_path).absolute()))
    schema = curated.outputs["schema"]
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    transform = Transform(
        examples=example_gen.outputs["examples"],
        schema=schema,
        preprocessing_fn=config.preprocessing_fn,
        custom_config={"label": config.label},
        # StatisticsGen has looked at these examples already; looking again before and after the
        # transform takes as long as the transform itself.
        disable_statistics=True,
    )
    trained_on: dict[str, Any] = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    custom_config = _custom_config(config)
    tuner = Tuner(
        tuner_fn=config.tuner_fn,
        custom_config={
            **custom_config,
            "tuner": to_dict(config)["tuner"],
            "reuse_key": search_fingerprint(config, search_space),
        },
        **trained_on,
    )
    trainer = Trainer(
        run_fn=config.run_fn,
        custom_config=custom_config,
        hyperparameters=tuner.outputs["best_hyperparameters"],
        **trained_on,
    )
    data_gates = [example_validator, *_quality(config, example_gen, schema)]
    # Nothing is trained before the data has been found sound.
    for gate in data_gates:
        tuner.add_upstream_node(gate)
        trainer.add_upstream_node(gate)
    baseline = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id(BASELINE)
    evaluator = Evaluator(
        examples=example_gen.outputs["examples"],
        example_splits=["eval"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        schema=schema,
        eval_config=_function(config.eval_config_fn)(config),
    )
    serving_validator = ServingValidator(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        model_name=config.name,
        split="eval",
    )
    pusher = RolloutPusher(
        # Without `model`, what is pushed is the validator's copy of it.
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_validator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=str(workspace.model_root(config.name))
            )
        ),
        model_name=config.name,
        rollout=to_dict(config.rollout),
        rollout_root=str(workspace.rollout_root(config.name)),
    ).with_id(PUSHER)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(workspace.pipeline_root(config.name)),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            curated,
            *data_gates,
            transform,
            tuner,
            trainer,
            baseline,
            evaluator,
            serving_validator,
            pusher,
        ],
        enable_cache=True,
        metadata_connection_config=connection_config(workspace.metadata_url),
        beam_pipeline_args=beam.args(config),
    )


def parameters(config: PipelineConfig) -> tuple[Parameter, ...]:
    """Returns what of a configuration can be chosen anew for each run on a cluster.

    Each is a field of the configuration, by its name.
    """
    nodes = ("Trainer", "Tuner")
    reused = Target(node="Tuner", property="custom_config", path=("reuse_key",), mixes=True)
    return tuple(
        Parameter(
            name=name,
            type="int",
            default=getattr(config, name),
            targets=(
                *(Target(node=node, property="custom_config", path=(name,)) for node in nodes),
                # A search under another seed is another search; see `search_fingerprint`.
                *((reused,) if name == "seed" else ()),
            ),
        )
        for name in ("epochs", "batch_size", "seed")
    )


def search_fingerprint(config: PipelineConfig, search_space: Mapping[str, Any]) -> str:
    """Returns what identifies a search: its space, its algorithm and how long it looks."""
    search = {"space": search_space, "tuner": to_dict(config)["tuner"], "seed": config.seed}
    return hashlib.sha256(json.dumps(search, sort_keys=True).encode()).hexdigest()[:16]


def _example_gen(config: PipelineConfig) -> ArrowExampleGen | CsvExampleGen:
    component = {"arrow": ArrowExampleGen, "csv": CsvExampleGen}[config.example_gen]
    return component(
        input_base=str(Path(config.data_root).absolute()),
        input_config=example_splits.input_config(config),
        output_config=example_splits.output_config(config),
        range_config=example_splits.range_config(config.span_range),
    )


def _quality(
    config: PipelineConfig, example_gen: BaseComponent, schema: channel.BaseChannel
) -> list[BaseComponent]:
    if not config.quality_path:
        return []
    rules = Path(config.quality_path).absolute()
    return [
        DataQualityValidator(
            examples=example_gen.outputs["examples"],
            rules_path=str(rules),
            schema=schema,
            hour=quality_clock.hour_asked_for(rules, clock.from_environment(os.environ)()),
        )
    ]


def _custom_config(config: PipelineConfig) -> dict[str, Any]:
    return {
        "label": config.label,
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "seed": config.seed,
    }


def _function(import_path: str) -> Callable[..., Any]:
    module, _, name = import_path.rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
