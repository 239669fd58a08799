"""What the columns of a schema hold. Light: neither TensorFlow nor TFX is imported."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_quality_validator.columns import Kind

_TYPES = {Kind.INT: schema_pb2.INT, Kind.FLOAT: schema_pb2.FLOAT, Kind.BYTES: schema_pb2.BYTES}
_KINDS = {number: kind for kind, number in _TYPES.items()}


def kinds_of(schema: schema_pb2.Schema) -> dict[str, Kind]:
    """Returns the columns that can be looked at: those of a tf.Example's three types."""
    return {
        feature.name: _KINDS[feature.type] for feature in schema.feature if feature.type in _KINDS
    }


def schema_of(kinds: Mapping[str, Kind]) -> schema_pb2.Schema:
    """Returns the least schema that says as much."""
    return schema_pb2.Schema(
        feature=[schema_pb2.Feature(name=name, type=_TYPES[kind]) for name, kind in kinds.items()]
    )
