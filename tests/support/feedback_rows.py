"""Served rows, drop files, and what `FeedbackJoin` makes of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import log_gen_records as logs
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.feedback_join import executor
from serving.request_log.tfrecord import framed

START = 1_372_896_000  # 2013-07-04T00:00:00Z
DAY = 86_400
SCHEMA_TEXT = """
feature { name: "flight_id" type: BYTES }
feature { name: "distance" type: FLOAT }
feature { name: "arr_delay" type: INT }
"""


def served(request_id: str, *, row: int = 0, at: int = START, **columns: Any) -> bytes:
    """Makes a served row as PredictionLogExampleGen does."""
    extra = {
        "ringway_request_id": request_id.encode(),
        "ringway_row": row,
        "ringway_served_at": at,
        "ringway_model_version": 7,
        "ringway_prediction": 0.25,
    }
    made = logs.example(**{"distance": 100.0, **extra, **columns})
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def served_artifact(
    folder: Path, rows: Iterable[bytes], *, start: int | None = START, days: int = 7
) -> types.Artifact:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.span = 27
    artifact.version = 0
    artifact.split_names = artifact_utils.encode_split_names(["serving"])
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    if start is not None:
        artifact.set_int_custom_property("window_start_sec", start)
        artifact.set_int_custom_property("window_end_sec", start + days * DAY)
    split = folder / "Split-serving"
    split.mkdir(parents=True)
    content = gzip.compress(b"".join(framed(row) for row in rows))
    (split / "data_tfrecord-00000-of-00001.gz").write_bytes(content)
    return artifact


class Joined:
    """What the executor wrote."""

    def __init__(self, artifact: types.Artifact) -> None:
        self.artifact = artifact
        self.folder = Path(artifact.uri)
        self.report = json.loads((self.folder / "report.json").read_text())
        self.rows = [logs.values(text) for text in logs.written(self.folder / "Split-labelled")]

    @property
    def labels(self) -> dict[tuple[str, int], Any]:
        """The label of each labelled row, by request's id and row."""
        return {
            (row["ringway_request_id"][0].decode(), row["ringway_row"][0]): row["arr_delay"]
            for row in self.rows
        }

    def property(self, name: str) -> int:
        found: int = self.artifact.get_int_custom_property(name)
        return found


def join(root: Path, artifact: types.Artifact, folder: Path, **parameters: Any) -> Joined:
    schema = standard_artifacts.Schema()
    schema.uri = str(root / "schema")
    Path(schema.uri).mkdir(parents=True, exist_ok=True)
    (Path(schema.uri) / "schema.pbtxt").write_text(SCHEMA_TEXT)
    labelled = standard_artifacts.Examples()
    labelled.uri = str(root / "labelled")
    given = {
        "labels_folder": str(folder),
        "labels_fingerprint": "",
        "columns": json.dumps(["arr_delay"]),
        "identifiers": json.dumps(["flight_id"]),
        "max_delay_sec": 2.0 * DAY,
        "as_of_sec": START + 30.0 * DAY,
        "contradictions": "latest",
        **parameters,
    }
    # With any Beam argument TFX would pack itself for remote workers, which takes a second.
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(root / "tmp"), unique_id="1"
    )
    inputs = {"served_examples": [artifact], "schema": [schema]}
    executor.Executor(context).Do(inputs, {"labelled_examples": [labelled]}, given)
    return Joined(labelled)
