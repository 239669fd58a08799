"""The examples in a notebook's workspace, read without TFX, TFDV or TFMA."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf


def taxi_rows(home: Path, split: str) -> Iterator[dict[str, Any]]:
    """Yields the first value of each feature, None where there is none, for each trip."""
    for record in taxi_records(home, split):
        features = tf.train.Example.FromString(record).features.feature
        yield {name: _first(features[name]) for name in features}


def taxi_records(home: Path, split: str) -> list[bytes]:
    """Returns the serialized trips of a split, of the one time that they were read."""
    [folder] = (home / "pipelines" / "taxi" / "ArrowExampleGen" / "examples").iterdir()
    files = sorted(str(path) for path in (folder / f"Split-{split}").iterdir())
    return list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def _first(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else ()
    return values[0] if values else None
