"""One small Transform and one small model, shared by the tests of the taxi pipeline.

Rows are made up: card payments below 20 dollars are tipped well, others are not, and every seventh
row does as it likes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Read by TensorFlow when it is imported, which the tests of this folder do.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx.components.trainer.fn_args_utils import DataAccessor, FnArgs
from tfx_bsl.tfxio import tf_example_record

from pipelines.taxi import features
from pipelines.taxi.preprocessing import preprocessing_fn


def pytest_configure(config: pytest.Config) -> None:
    # Beam leaves files to the garbage collector, which complains in whatever test comes later.
    config.addinivalue_line("filterwarnings", "ignore:unclosed file:ResourceWarning")


SCHEMA = Path(__file__).parents[3] / "schemas" / "taxi" / "schema.pbtxt"

Row = dict[str, Any]


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    return text_format.Parse(SCHEMA.read_text(), schema_pb2.Schema())


@dataclasses.dataclass(frozen=True)
class Transformed:
    """What Transform made of some rows."""

    rows: list[Row]
    examples: list[bytes]
    folder: Path
    files: list[str]
    values: dict[str, np.ndarray]


def _row(**changes: Any) -> Row:
    return {
        "fare": 8.0,
        "trip_miles": 1.5,
        "trip_seconds": 600,
        "payment_type": "Cash",
        "company": "Blue Ribbon Taxi Association Inc.",
        "trip_start_hour": 12,
        "trip_start_day": 3,
        "trip_start_month": 6,
        "trip_start_timestamp": 1_400_000_000,
        "pickup_community_area": 8,
        "dropoff_community_area": 32,
        "tips": 0.0,
    } | changes


@pytest.fixture(scope="session")
def make_row() -> Callable[..., Row]:
    """Returns a function that makes one plausible row, with changes."""
    return _row


def _many_rows(count: int) -> list[Row]:
    """Returns rows with both labels; companies and areas are missing here and there."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(count):
        fare = round(float(generator.uniform(3, 40)), 2)
        card = bool(generator.integers(2))
        row = _row(
            fare=fare,
            trip_miles=round(fare / 3, 1),
            trip_seconds=int(fare * 60),
            payment_type="Credit Card" if card else "Cash",
            company=["", "Blue Ribbon Taxi Association Inc.", f"Owner {index}"][index % 3],
            trip_start_hour=int(generator.integers(24)),
            trip_start_day=int(generator.integers(1, 8)),
            trip_start_month=int(generator.integers(1, 13)),
            tips=0.3 * fare if card and (fare < 20) != (index % 7 == 0) else 0.0,
        )
        if not row["company"]:
            del row["company"], row["dropoff_community_area"]
        rows.append(row)
    return rows


def _to_example(row: Mapping[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    return example.SerializeToString()


def _write(path: Path, serialized: list[bytes]) -> str:
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in serialized:
            writer.write(record)
    return str(path)


@pytest.fixture(scope="session")
def transform(
    schema: schema_pb2.Schema, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[Row]], Transformed]:
    """Runs the real analysis and transformation over rows, on Beam."""

    def run(rows: list[Row]) -> Transformed:
        folder = tmp_path_factory.mktemp("transform")
        source = tf_example_record.TFExampleBeamRecord(
            physical_format="inmem", telemetry_descriptors=["test"], schema=schema
        )
        with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temp")):
            batches = (
                pipeline
                | beam.Create([_to_example(row) for row in rows])
                | source.BeamSource(batch_size=len(rows))
            )
            transform_fn = (batches, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
                preprocessing_fn
            )
            _ = transform_fn | tft_beam.WriteTransformFn(str(folder / "graph"))
            _ = dataset_metadata.DatasetMetadata(schema) | tft_beam.WriteMetadata(
                str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline
            )
        return _apply(rows, folder)

    return run


def _apply(rows: list[Row], folder: Path) -> Transformed:
    output = tft.TFTransformOutput(str(folder / "graph"))
    examples = [_to_example(row) for row in rows]
    parsed = tf.io.parse_example(tf.constant(examples), output.raw_feature_spec())
    values = {k: v.numpy() for k, v in output.transform_features_layer()(parsed).items()}
    records = []
    for index in range(len(rows)):
        example = tf.train.Example()
        for name, column in values.items():
            kind = "float_list" if column.dtype == np.float32 else "int64_list"
            getattr(example.features.feature[name], kind).value.append(column[index])
        records.append(example.SerializeToString())
    file = _write(folder / "examples.gz", records)
    return Transformed(rows, examples, folder / "graph", [file], values)


@pytest.fixture(scope="session")
def trips(transform: Callable[[list[Row]], Transformed]) -> Transformed:
    """Three hundred made-up trips, transformed."""
    return transform(_many_rows(300))


@pytest.fixture
def fn_args(trips: Transformed, tmp_path: Path) -> FnArgs:
    """Returns what Trainer and Tuner hand to their functions, over the made-up trips."""

    def dataset(files: list[str], options: Any, schema: schema_pb2.Schema) -> tf.data.Dataset:
        return tf_example_record.TFExampleRecord(
            file_pattern=files, telemetry_descriptors=["test"], schema=schema
        ).TensorFlowDataset(options)

    return FnArgs(
        train_files=trips.files,
        eval_files=trips.files,
        transform_graph_path=str(trips.folder),
        serving_model_dir=str(tmp_path / "model"),
        model_run_dir=str(tmp_path / "run"),
        working_dir=str(tmp_path / "working"),
        data_accessor=DataAccessor(dataset, None, None),
        custom_config={"label": features.LABEL, "epochs": 2, "batch_size": 64, "seed": 0},
    )
