"""Files that lie in the folder of an artifact, which a URI names and which may be remote."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.io import fileio


def path_of(artifact: types.Artifact, name: str) -> str:
    """Returns the URI of a file of an artifact, whether or not it is there."""
    return os.path.join(artifact.uri, name)  # noqa: PTH118 (a URI)


def read_json(artifact: types.Artifact, name: str) -> dict[str, Any]:
    """Returns the JSON object that a file of an artifact holds."""
    with fileio.open(path_of(artifact, name)) as file:
        found: dict[str, Any] = json.loads(file.read())
    return found
