"""The component between stock ones, as TFX's own runner starts it."""

from __future__ import annotations

import json
from pathlib import Path

import log_gen_records as logs
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.prediction_log_example_gen import PredictionLogExampleGen


def test_stock_components_take_its_examples(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    records = [
        logs.record("predict", logs.taxi_rows([float(fare)]), f"id {fare}") for fare in range(9)
    ]
    logs.write_log(folder, records)
    (tmp_path / "schema.pbtxt").write_text(logs.SCHEMA_TEXT)
    schema = ImportSchemaGen(schema_file=str(tmp_path / "schema.pbtxt"))
    gen = PredictionLogExampleGen(
        folder, window="1h", span=logs.SPAN, schema=schema.outputs["schema"], absent={"area": 0}
    )
    statistics = StatisticsGen(examples=gen.outputs["examples"])
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    config = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="served",
            pipeline_root=str(tmp_path / "root"),
            components=[schema, gen, statistics, validator],
            metadata_connection_config=config,
        )
    )
    with metadata.Metadata(config) as store:
        [examples] = store.store.get_artifacts_by_type("Examples")
        [found] = store.store.get_artifacts_by_type("ExampleStatistics")
    assert examples.properties["span"].int_value == logs.SPAN
    assert found.properties["span"].int_value == logs.SPAN
    assert examples.custom_properties["rows_written"].int_value == 9
    report = json.loads((Path(examples.uri) / "log_report.json").read_text())
    assert report["rows"]["written"] == 9
    assert list((tmp_path / "root" / "ExampleValidator" / "anomalies").rglob("SchemaDiff.pb"))
