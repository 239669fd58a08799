"""Reads the small files that artifacts point to: best hyperparameters, and hashes of contents.

The store remembers artifacts longer than disks do, so every function answers None for what no
longer lies where the store says; saying so to the user is left to `render`. Only local files are
read; artifacts on an object store count as not readable here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pipelines.lineage.model_lineage import ModelLineage
from pipelines.lineage.records import Value

HYPERPARAMETERS_FILE = "best_hyperparameters.txt"
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What the files of a lineage say; None or empty where a file is gone.

    Attributes:
        schema_hash: SHA-256 of the schema's files.
        transform_hash: SHA-256 of the transform graph's files.
        hyperparameters: Name to value of the best trial.
        missing: URIs that no longer exist.
    """

    schema_hash: str | None = None
    transform_hash: str | None = None
    hyperparameters: Mapping[str, Value] | None = None
    missing: tuple[str, ...] = ()


def read(lineage: ModelLineage) -> Contents:
    """Returns the contents behind a model's lineage."""
    tied = (lineage.schema, lineage.transform_graph, lineage.hyperparameters, lineage.model)
    shown = [a for a in (*tied, *(use.examples for use in lineage.data)) if a is not None]
    schema, graph, best = (lineage.schema, lineage.transform_graph, lineage.hyperparameters)
    return Contents(
        schema_hash=content_hash(schema.uri) if schema else None,
        transform_hash=content_hash(graph.uri) if graph else None,
        hyperparameters=hyperparameters(best.uri) if best else None,
        missing=tuple(dict.fromkeys(a.uri for a in shown if not exists(a.uri))),
    )


def local_path(uri: str) -> Path | None:
    """Returns the path of a local URI; None for an object store's."""
    if "://" not in uri:
        return Path(uri)
    scheme, _, rest = uri.partition("://")
    return Path(rest) if scheme == "file" else None


def exists(uri: str) -> bool:
    """Returns whether the artifact is still there; a remote one is given the benefit."""
    path = local_path(uri)
    return path is None or path.exists()


def content_hash(uri: str) -> str | None:
    """Returns the SHA-256 over names and bytes of all files of an artifact; None when gone."""
    path = local_path(uri)
    if path is None or not path.exists():
        return None
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path.parent if path.is_file() else path)}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def hyperparameters(uri: str) -> Mapping[str, Value] | None:
    """Returns the best trial's values from KerasTuner's file; None when it is gone or foreign."""
    path = local_path(uri)
    file = path / HYPERPARAMETERS_FILE if path is not None else None
    if file is None or not file.is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    if not isinstance(config, dict):
        return None
    values = config.get("values", config)
    return values if isinstance(values, dict) else None
