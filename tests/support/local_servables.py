"""SavedModels that tests build once, and load or open in the ways that the local backend has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from serving.backends.local import session as sessions
from serving.backends.local.loader import LocalLoader
from serving.backends.local.options import LocalOptions
from serving.backends.local.saved_model import open_saved_model
from serving.backends.local.session_config import session_config

Build = Callable[[Path], Path]


class Models:
    """Builds a model once and loads it anew each time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._loader = LocalLoader(LocalOptions())

    def folder(self, build: Build) -> Path:
        """Returns where a model lies; it is built where it is not there yet."""
        folder = self._root / build.__name__
        return folder if folder.exists() else build(folder)

    def __call__(self, build: Build) -> Any:
        return self._loader.load(build.__name__, 1, self.folder(build))


def export(folder: Path, signatures: Mapping[str, Any]) -> None:
    """Writes the graph that is the default one as a SavedModel of TF1."""
    v1 = tf.compat.v1.saved_model
    definitions = {
        name: v1.build_signature_def(
            *({alias: v1.build_tensor_info(one) for alias, one in side.items()} for side in sides)
        )
        for name, sides in signatures.items()
    }
    with tf.compat.v1.Session() as session:
        builder = v1.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=definitions)
        builder.save()


def floats(*values: Any) -> np.ndarray:
    """Returns an array of float32."""
    return np.array(values, np.float32)


def opened(load: Models, build: Build, **options: Any) -> sessions.SessionServable:
    """Returns a model that is called as the options of `SessionServable` say."""
    model = open_saved_model(
        load.folder(build), frozenset({"serve"}), session_config(LocalOptions())
    )
    return sessions.SessionServable(model._session, model.signature_def_map, **options)
