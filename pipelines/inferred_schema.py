"""Where a schema that TFDV inferred comes from: the latest run, or a folder of CSV files.

TFDV and ML Metadata are imported by the functions that need them. Comparing the schema is left to
`pipelines.schema_review`.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.arrow_example_gen.formats import Format
from pipelines.errors import DataError, MetadataError, UsageError
from pipelines.preflight import DataFolder

if TYPE_CHECKING:
    import ml_metadata

_SCHEMA_GEN = "tfx.components.schema_gen.component.SchemaGen"
_SCHEMA_FILE = "schema.pbtxt"

_REVIEW = """\
# First draft, inferred by `ringway schema infer` from {files} file(s) of {folder}.
# It says what the data happens to be, not what it should be. Review before use:
#   - presence: a column that merely happens to be full is now required (min_fraction: 1);
#   - domain: add values that are valid but absent here, drop misspelt ones;
#   - ranges: none are inferred; give numbers an int_domain or float_domain with min and max;
#   - types: a number that is a code (a zip code, an id) may be better as BYTES or categorical;
#   - environments: keep the label out of serving, with default_environment: "TRAINING",
#     default_environment: "SERVING" and, in the label, not_in_environment: "SERVING";
#   - comparators: add drift_comparator and skew_comparator where a shift should be noticed.
"""


def latest_path(store: ml_metadata.MetadataStore, pipeline: str) -> Path:
    """Returns the file of the schema that SchemaGen inferred in the pipeline's latest run.

    Raises:
        MetadataError: SchemaGen has not run yet, or its output is gone.
    """
    from ml_metadata.proto import metadata_store_pb2

    remedy = (
        f"Run the pipeline first: ringway run {pipeline}; for data that has no schema yet: "
        "ringway schema infer DATA_FOLDER --output schemas/NAME/schema.pbtxt"
    )
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    kinds = {kind.id for kind in store.get_execution_types() if kind.name == _SCHEMA_GEN}
    done = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
    executions = [
        execution
        for execution in (store.get_executions_by_context(context.id) if context else [])
        if execution.type_id in kinds and execution.last_known_state in done
    ]
    if not executions:
        raise MetadataError(
            f"pipeline {pipeline!r}: expected an inferred schema in ML Metadata, but SchemaGen "
            "has not run yet",
            remedy=remedy,
        )
    latest = max(executions, key=lambda execution: execution.id)
    output = metadata_store_pb2.Event.OUTPUT
    outputs = [
        event.artifact_id
        for event in store.get_events_by_execution_ids([latest.id])
        if event.type == output
    ]
    for artifact in store.get_artifacts_by_id(outputs):
        path = Path(artifact.uri.removeprefix("file://")) / _SCHEMA_FILE
        if path.is_file():
            return path
    raise MetadataError(
        f"pipeline {pipeline!r}: the schema that SchemaGen inferred (execution {latest.id}) is "
        "no longer on disk",
        remedy=f"Run it again: ringway run {pipeline} --force",
    )


def infer(folder: DataFolder) -> schema_pb2.Schema:
    """Infers a schema from CSV files as SchemaGen does, through TFDV's statistics.

    Args:
        folder: What `pipelines.preflight.check_data` let pass.

    Raises:
        UsageError: The files are no CSV.
    """
    if folder.format is not Format.CSV:
        raise UsageError(
            f"{folder.files[0]}: expected CSV, from which a schema is drafted, received "
            f"{folder.format.value}",
            remedy="Write some of its rows as CSV into a folder, and name that.",
        )
    tfdv = _import_tfdv()
    # TFDV takes a pattern and leaves its output behind. Links give it a path without characters
    # that mean something in patterns, and a folder that goes away.
    with tempfile.TemporaryDirectory(prefix="ringway-infer-") as scratch:
        links = Path(scratch, "data")
        links.mkdir()
        for number, path in enumerate(folder.files):  # names may come again in another span
            (links / f"{number}-{path.name}").symlink_to(path.resolve())
        statistics = tfdv.generate_statistics_from_csv(
            data_location=str(links / "*"), output_path=str(Path(scratch, "statistics.tfrecord"))
        )
    return tfdv.infer_schema(statistics, infer_feature_shape=True)


def _import_tfdv() -> ModuleType:
    """Imports TFDV without the pages that TensorFlow and Google's libraries print meanwhile."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for chatty in ("tensorflow", "apache_beam.io.tfrecordio"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_data_validation as tfdv
    return tfdv


def draft(schema: schema_pb2.Schema, folder: DataFolder) -> str:
    """Returns a schema's text under a comment that says what to review."""
    head = _REVIEW.format(files=len(folder.files), folder=folder.files[0].parent.name)
    return f"{head}\n{text_format.MessageToString(schema, as_utf8=True)}"


def check_output(path: Path, *, force: bool) -> None:
    """Checks that a draft may be written, before the work of inferring it.

    Raises:
        UsageError: The file exists and `force` is not given, or it is a directory.
    """
    if path.is_dir():
        raise UsageError(
            f"{path}: expected a file name, received a directory",
            remedy=f"Write --output {path / _SCHEMA_FILE}",
        )
    if path.exists() and not force:
        raise UsageError(
            f"{path}: exists already",
            remedy="Name another file, or overwrite it with --force.",
        )


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that it is either there in full or as it was before.

    Raises:
        DataError: The folder cannot be written, or its disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror}",
            remedy="Name a file in a folder that can be written, on a disk with space left.",
        ) from error
