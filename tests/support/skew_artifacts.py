"""Artifacts for checks of skew: taxi trips as tf.Examples, a schema, and what became of them."""

from __future__ import annotations

import csv
import functools
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.skew_validator import findings, keys
from components.skew_validator.executor import Executor
from components.skew_validator.settings import Settings
from pipelines.taxi.config import CONFIG

Row = dict[str, Any]

SERVED_FROM = 1_795_000_000


def taxi_schema() -> schema_pb2.Schema:
    return text_format.Parse(Path(CONFIG.schema_path).read_text(), schema_pb2.Schema())


@functools.lru_cache
def _trips() -> tuple[tuple[tuple[str, str], ...], ...]:
    with Path(CONFIG.data_root, "data.csv").open(newline="") as file:
        rows = [tuple(row.items()) for row in csv.DictReader(file)]
    random.Random(0).shuffle(rows)
    return tuple(rows)


def trips(start: int, stop: int) -> list[Row]:
    """Returns shuffled trips, with values in the schema's types, None where a cell is empty."""
    casts: dict[int, Callable[[str], Any]] = {
        schema_pb2.INT: int,
        schema_pb2.FLOAT: float,
        schema_pb2.BYTES: str.encode,
    }
    cast = {feature.name: casts[feature.type] for feature in taxi_schema().feature}
    return [
        {name: cast[name](cell) if cell else None for name, cell in row}
        for row in _trips()[start:stop]
    ]


def requests(rows: Iterable[Row], **changes: Callable[[Any], Any]) -> list[Row]:
    """Returns rows as they are served: only what a model takes, with times and versions."""
    sent = {one.name for one in taxi_schema().feature if "SERVING" not in one.not_in_environment}
    found = []
    for place, row in enumerate(rows):
        served = {name: value for name, value in row.items() if name in sent}
        for name, change in changes.items():
            served[name] = change(served[name])
        served |= {
            "ringway_served_at": SERVED_FROM + place,
            "ringway_model_version": 7,
            "ringway_request_id": b"%08x" % place,
            "ringway_sampling_rate": 1.0,
        }
        found.append(served)
    return found


def serialize(row: Row) -> bytes:
    """Returns a tf.Example; None is a column without a value."""
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        values = value if isinstance(value, list) else [] if value is None else [value]
        for one in values:
            kind = {int: "int64_list", float: "float_list", bytes: "bytes_list"}[type(one)]
            getattr(feature, kind).value.append(one)
    return example.SerializeToString(deterministic=True)


def write_rows(path: Path, rows: Iterable[Row]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in rows:
            writer.write(serialize(row))
    return str(path)


def examples(folder: Path, **splits: Sequence[Row]) -> types.Artifact:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.span = 3
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        write_rows(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz", rows)
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    return artifact


def schema_artifact(folder: Path, schema: schema_pb2.Schema) -> types.Artifact:
    artifact = standard_artifacts.Schema()
    artifact.uri = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    return artifact


class Checked:
    """What the executor wrote."""

    def __init__(self, artifact: types.Artifact) -> None:
        self.artifact = artifact
        folder = Path(artifact.uri)
        self.json = (folder / keys.FINDINGS_FILE).read_text()
        self.report = (folder / keys.REPORT_FILE).read_text()
        self.findings = findings.from_json(self.json)
        content = (folder / "Split-serving" / "SchemaDiff.pb").read_bytes()
        self.anomalies = anomalies_pb2.Anomalies.FromString(content)

    @property
    def status(self) -> str:
        return self.findings.status

    def of(self, status: str) -> list[tuple[str, str]]:
        found = self.findings.findings
        return [(one.kind, one.feature) for one in found if one.status == status]

    @property
    def alarms(self) -> list[tuple[str, str]]:
        return self.of(findings.ALARM)

    def finding(self, kind: str, feature: str) -> findings.Finding:
        [found] = [
            one for one in self.findings.findings if (one.kind, one.feature) == (kind, feature)
        ]
        return found


def execute(root: Path, inputs: dict[str, types.Artifact], **parameters: Any) -> Checked:
    output = standard_artifacts.ExampleAnomalies()
    output.uri = str(root / "anomalies")
    Path(output.uri).mkdir(parents=True)
    terms = Settings.of(parameters.pop("terms", {})).to_dict()
    context = Executor.Context(tmp_dir=str(root / "tmp"), unique_id="1")
    known = {
        keys.TERMS: json.dumps(terms),
        keys.SEED: 11,
        keys.TRAINING_SPLIT: "train",
        keys.SERVING_SPLIT: "serving",
        keys.EVAL_SPLIT: "eval",
        keys.MODEL_VERSION: "",
        keys.LABEL: "tips",
        keys.TITLE: "taxi",
        keys.AGAINST: keys.TRAINING,
        keys.ENVIRONMENT: "SERVING",
        keys.MAX_ROWS: 1_000_000,
        keys.PREDICTION_OUTPUT: "",
    }
    Executor(context).Do(
        {key: [artifact] for key, artifact in inputs.items()},
        {keys.ANOMALIES: [output]},
        known | parameters,
    )
    return Checked(output)
