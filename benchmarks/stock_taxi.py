"""The taxi pipeline as a user of stock TFX writes it: `tfx.v1`, module files, LocalDagRunner.

The same data, splits, schema, functions, parameters and components as `pipelines/taxi`, for
`benchmarks/pipeline.py` to compare with. Usage: python -m benchmarks.stock_taxi FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from tfx import v1 as tfx

from pipelines.config import to_dict
from pipelines.tabular.evaluation import eval_config
from pipelines.taxi.config import CONFIG

TAXI = Path(__file__).resolve().parent.parent / "pipelines" / "taxi"


def create_pipeline(root: Path) -> tfx.dsl.Pipeline:
    """Returns the pipeline with everything under one folder."""
    split = tfx.proto.SplitConfig.Split
    splits = [
        split(name="train", hash_buckets=CONFIG.train_buckets),
        split(name="eval", hash_buckets=CONFIG.eval_buckets),
    ]
    example_gen = tfx.components.CsvExampleGen(
        input_base=CONFIG.data_root,
        output_config=tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=splits)),
    )
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    curated = tfx.components.ImportSchemaGen(schema_file=CONFIG.schema_path)
    schema = curated.outputs["schema"]
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema,
        module_file=str(TAXI / "preprocessing.py"),
        custom_config={"label": CONFIG.label},
        disable_statistics=True,  # as in pipelines/standard.py
    )
    trained_on = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema,
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["eval"]),
    }
    parameters = {
        "label": CONFIG.label,
        "epochs": CONFIG.epochs,
        "batch_size": CONFIG.batch_size,
        "seed": CONFIG.seed,
    }
    tuner = tfx.components.Tuner(
        module_file=str(TAXI / "tuning.py"),
        custom_config={
            **parameters,
            "tuner": to_dict(CONFIG)["tuner"],
        },
        **trained_on,
    )
    trainer = tfx.components.Trainer(
        module_file=str(TAXI / "model.py"),
        custom_config=parameters,
        hyperparameters=tuner.outputs["best_hyperparameters"],
        **trained_on,
    )
    baseline = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        example_splits=["eval"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        schema=schema,
        eval_config=eval_config(CONFIG),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "models"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="taxi",
        pipeline_root=str(root / "pipeline"),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            curated,
            example_validator,
            transform,
            tuner,
            trainer,
            baseline,
            evaluator,
            pusher,
        ],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.sqlite")
        ),
        beam_pipeline_args=list(CONFIG.beam_args),
    )


if __name__ == "__main__":
    tfx.orchestration.LocalDagRunner().run(create_pipeline(Path(sys.argv[1])))
