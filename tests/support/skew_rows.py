"""Rows as serialized tf.Examples, and files of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.example import example_pb2


def row(**values: Any) -> bytes:
    """Returns a row; None leaves a feature out, a list gives several values."""
    example = example_pb2.Example()
    for name, given in values.items():
        if given is None:
            continue
        feature = example.features.feature[name]
        for value in given if isinstance(given, list) else [given]:
            kind = {int: "int64_list", float: "float_list"}.get(type(value), "bytes_list")
            plain = value.encode() if isinstance(value, str) else value
            getattr(feature, kind).value.append(plain)
    return example.SerializeToString(deterministic=True)


def write(path: Path, rows: Iterable[bytes | Mapping[str, Any]]) -> str:
    """Writes rows as a compressed TFRecord file; returns its path."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for one in rows:
            writer.write(one if isinstance(one, bytes) else row(**one))
    return str(path)
