"""Reads a curated schema from its text file, and answers simple questions about it.

Comparing two schemas is left to `pipelines.schema_review`, validating data to TFDV.
"""

from __future__ import annotations

import collections
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.errors import DataError

# TFDV does not validate features in the other stages.
_VALIDATED_STAGES = (
    schema_pb2.UNKNOWN_STAGE,
    schema_pb2.BETA,
    schema_pb2.PRODUCTION,
    schema_pb2.VALIDATION_DERIVED,
)


def read(path: Path) -> schema_pb2.Schema:
    """Reads a curated schema from its text form.

    Raises:
        DataError: The file is missing or does not parse, or what it says contradicts itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
        schema = text_format.Parse(text, schema_pb2.Schema())
    except OSError as error:
        raise DataError(
            f"schema file {path}: cannot be read: {error.strerror}",
            remedy=f"Write a first draft with: ringway schema infer DATA_FOLDER --output {path}",
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"schema file {path}: expected UTF-8 text, received the byte "
            f"0x{error.object[error.start]:02x} at offset {error.start}",
            remedy="A schema is kept as a text protocol buffer (schema.pbtxt).",
        ) from error
    except text_format.ParseError as error:
        place = f", line {error.GetLine()}, column {error.GetColumn()}" if error.GetLine() else ""
        detail = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
        raise DataError(
            f"schema file {path}{place}: {detail}",
            remedy="Mend that line; expected a tensorflow.metadata.v0.Schema in text form.",
        ) from error
    _check(path, schema)
    return schema


def required_columns(schema: schema_pb2.Schema, environment: str | None = None) -> list[str]:
    """Returns the names of the features that data must have to be valid.

    Args:
        schema: The curated schema.
        environment: Environment that the data is of; None stands for all of them.
    """
    return [
        feature.name
        for feature in schema.feature
        if feature.lifecycle_stage in _VALIDATED_STAGES
        and not feature.deprecated
        and (feature.presence.min_count > 0 or feature.presence.min_fraction > 0)
        and (environment is None or _is_in_environment(feature, schema, environment))
    ]


def _is_in_environment(
    feature: schema_pb2.Feature, schema: schema_pb2.Schema, environment: str
) -> bool:
    if environment in feature.not_in_environment:
        return False
    return environment in feature.in_environment or environment in schema.default_environment


def _check(path: Path, schema: schema_pb2.Schema) -> None:
    names = [feature.name for feature in schema.feature]
    if not names:
        raise DataError(
            f"schema file {path}: expected at least one feature, found none",
            remedy=f"Write a first draft with: ringway schema infer DATA_FOLDER --output {path}",
        )
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise DataError(
                f"schema file {path}: feature {name!r} stands there {count} times",
                remedy="Keep one of them.",
            )
    domains = [domain.name for domain in schema.string_domain]
    domains += [domain.name for domain in schema.int_domain]
    domains += [domain.name for domain in schema.float_domain]
    for feature in schema.feature:
        if feature.HasField("domain") and feature.domain not in domains:
            raise DataError(
                f"schema file {path}: feature {feature.name!r} names the domain "
                f"{feature.domain!r}; expected one of {', '.join(domains) or '(none defined)'}",
                remedy="Add that domain to the file, or name one of those.",
            )
