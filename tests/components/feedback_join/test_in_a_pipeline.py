"""The component between others, as TFX's own runner starts it."""

from __future__ import annotations

from pathlib import Path

import log_gen_records as logs
import tensorflow_data_validation as tfdv
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.feedback_join import FeedbackJoin
from components.prediction_log_example_gen import PredictionLogExampleGen


def test_stock_components_take_what_was_joined(tmp_path: Path) -> None:
    log, drop = tmp_path / "log", tmp_path / "drop"
    records = [
        logs.record("predict", logs.taxi_rows([float(fare)]), f"id{fare}") for fare in range(9)
    ]
    logs.write_log(log, records)
    drop.mkdir()
    lines = "".join(f"id{fare},{fare / 4},{logs.NOW + 60}\n" for fare in range(5))
    (drop / "labels-20261121T180000Z-x.csv").write_text("request_id,tips,labelled_at\n" + lines)
    (tmp_path / "schema.pbtxt").write_text(logs.SCHEMA_TEXT)
    curated = ImportSchemaGen(schema_file=str(tmp_path / "schema.pbtxt"))
    schema = curated.outputs["schema"]
    gen = PredictionLogExampleGen(log, window="1h", span=logs.SPAN, schema=schema)
    join = FeedbackJoin(
        served_examples=gen.outputs["examples"],
        schema=schema,
        labels_folder=drop,
        columns=("tips",),
        max_delay_sec=3600,
        as_of_sec=logs.NOW + 7200,
    )
    statistics = StatisticsGen(examples=join.outputs["labelled_examples"])
    config = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="joined",
            pipeline_root=str(tmp_path / "root"),
            components=[curated, gen, join, statistics],
            metadata_connection_config=config,
        )
    )
    with metadata.Metadata(config) as store:
        found = store.store.get_artifacts_by_type("Examples")
        [made] = store.store.get_artifacts_by_type("ExampleStatistics")
    [labelled] = [one for one in found if "matched" in one.custom_properties]
    assert labelled.custom_properties["matched"].int_value == 5
    assert labelled.custom_properties["unmatched"].int_value == 4
    assert labelled.properties["span"].int_value == logs.SPAN
    path = Path(made.uri) / "Split-labelled" / "FeatureStats.pb"
    [dataset] = tfdv.load_stats_binary(str(path)).datasets
    tips = {feature.path.step[0]: feature for feature in dataset.features}["tips"].num_stats
    assert (dataset.num_examples, tips.mean, tips.max) == (5, 0.5, 1.0)
