"""Reads a schema in text form, from an artifact or any other file."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import own_files

FILE = "schema.pbtxt"  # as SchemaGen and ImportSchemaGen name it


def of(artifacts: Sequence[types.Artifact]) -> schema_pb2.Schema:
    """Returns the schema of an artifact.

    Args:
        artifacts: Of type `Schema`, one.

    Raises:
        ValueError: There is none, or it is no schema in text form.
    """
    return read(own_files.path_of(artifact_utils.get_single_instance(artifacts), FILE))


def read(path: str) -> schema_pb2.Schema:
    """Returns the schema of a file.

    Raises:
        ValueError: The file is missing, or is no schema in text form.
    """
    if not fileio.exists(path):
        raise ValueError(f"schema: expected a file in {path}, where there is none")
    try:
        return io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ValueError(f"schema: expected a Schema in text form in {path}: {error}") from error
