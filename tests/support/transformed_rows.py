"""Rows of a table, run through the real analysis and transformation of Transform on Beam.

Import it before TensorFlow is: it keeps TensorFlow's start-up quiet.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Read by TensorFlow when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata
from tfx.components.trainer.fn_args_utils import DataAccessor, FnArgs
from tfx_bsl.tfxio import tf_example_record

from pipelines.tabular.columns import Columns
from pipelines.tabular.dataset import Rows

# Beam leaves files to the garbage collector, which complains in whatever test comes later.
IGNORED_WARNING = "ignore:unclosed file:ResourceWarning"

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Transformed:
    """What Transform made of some rows."""

    rows: list[Row]
    examples: list[bytes]
    folder: Path
    files: list[str]
    values: dict[str, np.ndarray]

    def output(self) -> tft.TFTransformOutput:
        """Returns what Transform learned."""
        return tft.TFTransformOutput(str(self.folder))

    def stacked(self, columns: Columns) -> Rows:
        """Returns the transformed rows as a network takes them."""
        return Rows.from_columns(self.values, columns)


def read_schema(path: Path) -> schema_pb2.Schema:
    """Returns a schema from its text."""
    return text_format.Parse(path.read_text(), schema_pb2.Schema())


def transform(
    rows: list[Row], schema: schema_pb2.Schema, preprocessing_fn: Callable[..., Any], folder: Path
) -> Transformed:
    """Analyzes and transforms rows; what is learned lies in `folder/graph`."""
    source = tf_example_record.TFExampleBeamRecord(
        physical_format="inmem", telemetry_descriptors=["test"], schema=schema
    )
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temp")):
        batches = (
            pipeline
            | beam.Create([to_example(row) for row in rows])
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


def to_example(row: Mapping[str, Any]) -> bytes:
    """Returns a row as a serialized tf.Example."""
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


def make_fn_args(rows: Transformed, folder: Path, **custom_config: Any) -> FnArgs:
    """Returns what Trainer and Tuner hand to their functions, over transformed rows."""

    def dataset(files: list[str], options: Any, schema: schema_pb2.Schema) -> tf.data.Dataset:
        return tf_example_record.TFExampleRecord(
            file_pattern=files, telemetry_descriptors=["test"], schema=schema
        ).TensorFlowDataset(options)

    return FnArgs(
        train_files=rows.files,
        eval_files=rows.files,
        transform_graph_path=str(rows.folder),
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "run"),
        working_dir=str(folder / "working"),
        data_accessor=DataAccessor(dataset, None, None),
        custom_config={"epochs": 2, "batch_size": 64, "seed": 0, **custom_config},
    )


def _apply(rows: list[Row], folder: Path) -> Transformed:
    output = tft.TFTransformOutput(str(folder / "graph"))
    examples = [to_example(row) for row in rows]
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


def _write(path: Path, serialized: list[bytes]) -> str:
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in serialized:
            writer.write(record)
    return str(path)
