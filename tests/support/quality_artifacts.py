"""Real artifacts for DataQualityValidator: examples in TFRecord files, a schema, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts

from components.data_quality_validator.executor import Executor

SCHEMA = "\n".join(
    f'feature {{ name: "{name}" type: {kind} }}'
    for name, kind in {"n": "INT", "m": "INT", "x": "FLOAT", "s": "BYTES", "time": "INT"}.items()
)
_LISTS = {int: "int64_list", float: "float_list", bytes: "bytes_list"}


def example(row: Mapping[str, Any]) -> bytes:
    """Returns a row as an example; None is an empty feature, a list several values."""
    made = tf.train.Example()
    for name, cell in row.items():
        feature = made.features.feature[name]
        values = cell if isinstance(cell, list) else [] if cell is None else [cell]
        if values:
            getattr(feature, _LISTS[type(values[0])]).value.extend(values)
    return bytes(made.SerializeToString(deterministic=True))


def examples_artifact(
    folder: Path,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    files: int = 1,
    span: int = 0,
) -> standard_artifacts.Examples:
    """Writes rows, each split in so many gzip-compressed files."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = "[" + ", ".join(f'"{split}"' for split in splits) + "]"
    artifact.set_int_custom_property("span", span)  # as ExampleGens that read files do
    for split, rows in splits.items():
        size = -(-len(rows) // files) or 1
        for number in range(files):
            path = folder / f"Split-{split}" / f"data_tfrecord-{number:05d}-of-{files:05d}.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for row in rows[number * size : (number + 1) * size]:
                    writer.write(example(row))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def run(
    work: Path,
    rules: str,
    examples: standard_artifacts.Examples,
    *,
    schema: str = SCHEMA,
    **parameters: Any,
) -> standard_artifacts.ExampleAnomalies:
    """Runs the executor, and returns what it wrote."""
    rules_path = work / "quality.toml"
    rules_path.write_text(rules)
    schema_artifact = standard_artifacts.Schema()
    schema_artifact.uri = str(work / "schema")
    Path(schema_artifact.uri).mkdir(exist_ok=True)
    (Path(schema_artifact.uri) / "schema.pbtxt").write_text(schema)
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(work / "anomalies")
    Executor().Do(
        {"examples": [examples], "schema": [schema_artifact]},
        {"anomalies": [anomalies]},
        {"rules_path": str(rules_path), **parameters},
    )
    return anomalies
