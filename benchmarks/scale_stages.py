"""One stage of the flights pipeline over data of some size, in this process.

Ours is the node of the standard pipeline as it stands there, with the Beam flags that a run of that
data would get. Stock is what TFX's own examples have: CsvExampleGen, StatisticsGen, Transform and
Evaluator as they come, with their Beam flags (`stock`) or with none (`stock-one`, as in TFX's
template). Both get the same splits, functions of the user by import path, and bounds.

A node's driver and executor run as they are; there is no ML Metadata. Usage, by `benchmarks.scale`:

    python -m benchmarks.scale_stages JOB.json
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.flights.config import FlightsConfig

if TYPE_CHECKING:
    from tfx import types
    from tfx.dsl.components.base.base_component import BaseComponent

INGESTION, STATISTICS, TRANSFORM, EVALUATION = STAGES = (
    "ingestion",
    "statistics",
    "transform",
    "evaluation",
)
MODEL = "model"  # made once, not measured
OURS, STOCK, STOCK_ONE = SIDES = ("ours", "stock", "stock-one")
# As in taxi_pipeline_simple.py and penguin_pipeline_local.py.
STOCK_BEAM_ARGS = ("--direct_running_mode=multi_processing", "--direct_num_workers=0")

_NODES = {
    INGESTION: "ArrowExampleGen",
    STATISTICS: "StatisticsGen",
    TRANSFORM: "Transform",
    MODEL: "Trainer",
    EVALUATION: "Evaluator",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What to run.

    Attributes:
        side: One of `SIDES`.
        stage: One of `STAGES`, or `MODEL`.
        data: Folder of the CSV files.
        examples: Output folder of the ingestion.
        transformed: Output folder of the transform that `MODEL` is trained on.
        model: Output folder of `MODEL`.
        output: Where this stage's output goes.
        report: File that gets what was measured.
    """

    side: str
    stage: str
    data: str
    examples: str
    transformed: str
    model: str
    output: str
    report: str


def run(job: Job) -> dict[str, Any]:
    """Runs a job, and returns seconds, rows and Beam's flags.

    Processor time of what comes before the node, mostly imports, is told as well.
    """
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.orchestration import data_types

    config = FlightsConfig(
        data_root=job.data, input_pattern="*", span_range="", quality_path="", epochs=1
    )
    node, flags = _node(job, config)
    inputs, outputs = _inputs(job, config, node), _outputs(job, node)
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=list(flags), tmp_dir=f"{job.output}/tmp", unique_id="1"
    )
    executor = node.executor_spec.executor_class(context)
    pipeline = data_types.PipelineInfo("flights", "")
    before_cpu_sec, started = time.process_time(), time.monotonic()
    parameters = node.driver_class(None).resolve_exec_properties(
        dict(node.exec_properties), pipeline, data_types.ComponentInfo("", node.id, pipeline)
    )
    present = {key: value for key, value in parameters.items() if value is not None}
    executor.Do(inputs, outputs, present)
    seconds = time.monotonic() - started
    for key, (artifact,) in outputs.items():
        _keep(artifact, Path(job.output) / f"{key}.json")
    return {
        "seconds": seconds,
        "before_cpu_seconds": before_cpu_sec,
        "rows": _rows(job.stage, outputs),
        "beam": list(flags),
    }


def _node(job: Job, config: FlightsConfig) -> tuple[BaseComponent, tuple[str, ...]]:
    if job.side != OURS:
        return _stock_node(job.stage, config), STOCK_BEAM_ARGS if job.side == STOCK else ()
    from pipelines.flights.pipeline import create_pipeline
    from pipelines.runners.beam import facts
    from pipelines.workspace import Workspace

    home = Path(job.output) / "home"
    workspace = Workspace(root=home, metadata_url=f"sqlite:///{home / 'metadata.sqlite'}")
    nodes = {node.id: node for node in create_pipeline(config, workspace).components}
    return nodes[_NODES[job.stage]], tuple(facts.args(config))


def _stock_node(stage: str, config: FlightsConfig) -> BaseComponent:
    from tfx import v1 as tfx

    from pipelines import example_splits
    from pipelines.tabular.evaluation import eval_config

    example_gen = tfx.components.CsvExampleGen(
        input_base=config.data_root, output_config=example_splits.output_config(config)
    )
    if stage == INGESTION:
        return example_gen
    examples = example_gen.outputs["examples"]
    if stage == STATISTICS:
        return tfx.components.StatisticsGen(examples=examples)
    schema = tfx.components.ImportSchemaGen(schema_file=config.schema_path).outputs["schema"]
    if stage == TRANSFORM:
        return tfx.components.Transform(
            examples=examples,
            schema=schema,
            preprocessing_fn=config.preprocessing_fn,
            custom_config={"label": config.label},
        )
    return tfx.components.Evaluator(
        examples=examples,
        example_splits=["eval"],
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        schema=schema,
        eval_config=eval_config(config),
    )


def _inputs(
    job: Job, config: FlightsConfig, node: BaseComponent
) -> dict[str, list[types.Artifact]]:
    from tfx.types import standard_artifacts

    found: dict[str, list[types.Artifact]] = {}
    kept = {"examples": job.examples, "transform_graph": job.transformed, "model": job.model}
    if job.stage == MODEL:
        kept["examples"] = job.transformed
    for key, folder in kept.items():
        name = "transformed_examples" if folder == job.transformed and key == "examples" else key
        path = Path(folder) / f"{name}.json"
        if key in node.inputs and path.exists():
            found[key] = [_kept(path, node.inputs[key].type())]
    if "schema" in node.inputs:
        schema = standard_artifacts.Schema()
        schema.uri = f"{job.output}/schema"
        Path(schema.uri).mkdir(parents=True)
        shutil.copy(config.schema_path, Path(schema.uri) / "schema.pbtxt")
        found["schema"] = [schema]
    return found


def _outputs(job: Job, node: BaseComponent) -> dict[str, list[types.Artifact]]:
    made: dict[str, list[types.Artifact]] = {}
    for key, channel in node.outputs.items():
        artifact = channel.type()
        artifact.uri = f"{job.output}/{key}"
        made[key] = [artifact]
    return made


def _keep(artifact: types.Artifact, path: Path) -> None:
    from google.protobuf import json_format

    path.write_text(json_format.MessageToJson(artifact.mlmd_artifact))


def _kept(path: Path, artifact: types.Artifact) -> types.Artifact:
    from google.protobuf import json_format

    json_format.Parse(path.read_text(), artifact.mlmd_artifact)
    return artifact


def _rows(stage: str, outputs: Mapping[str, list[types.Artifact]]) -> int:
    """Returns how many rows a stage says it has seen, to compare with what it was given."""
    if stage == STATISTICS:
        import tensorflow_data_validation as tfdv

        files = Path(outputs["statistics"][0].uri).glob("Split-*/FeatureStats.pb")
        read = [tfdv.load_stats_binary(str(path)) for path in files]
        return sum(stats.datasets[0].num_examples for stats in read)
    if stage == EVALUATION:
        import tensorflow_model_analysis as tfma

        metrics = tfma.load_eval_result(outputs["evaluation"][0].uri).get_metrics_for_slice()
        return int(metrics["example_count"]["doubleValue"])
    examples = outputs.get("examples") or outputs.get("transformed_examples")
    return _records(Path(examples[0].uri)) if examples else 0


def _records(folder: Path) -> int:
    import tensorflow as tf

    files = [str(path) for path in sorted(folder.glob("Split-*/*.gz"))]
    counts = tf.data.TFRecordDataset(files, "GZIP").batch(4096).map(tf.size)
    return sum(int(count) for count in counts)


if __name__ == "__main__":
    asked = Job(**json.loads(Path(sys.argv[1]).read_text()))
    Path(asked.report).write_text(json.dumps(run(asked)))
