"""Computes a SavedModel's signatures offline, by either of TensorFlow's loaders.

`LoadedByTF2` is what Python users and TFMA see. `LoadedByTF1` follows TensorFlow Serving: it reads
the graph, restores its variables by name and runs tensors by name. A model can load with one and
not with the other, so both are asked. Apart from reading signatures nothing here is shared with the
model server, which has a loader of its own.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from components.serving_validator.feeds import Feed
from components.serving_validator.verdict import NotServableError
from serving.backends.local.signature_defs import callable_signatures, signature_def_map
from serving.wire.specs import Signature

TAGS = ("serve",)

_MAX_ERROR_CHARACTERS = 600


class Computation(Protocol):
    """A model that computes signatures."""

    def run(self, feed: Feed) -> dict[str, np.ndarray]:
        """Returns the outputs by name; texts are arrays of `bytes` objects.

        Raises:
            NotServableError: The model cannot compute them.
        """


def read_signatures(folder: Path) -> tuple[dict[str, Signature], dict[str, str]]:
    """Returns a SavedModel's signatures without loading it.

    Returns:
        Those of dense tensors, and by name why others are left out.

    Raises:
        NotServableError: It is no SavedModel, or has no graph with the tag `serve`.
    """
    try:
        graphs = loader_impl.parse_saved_model(str(folder)).meta_graphs
    except (tf.errors.OpError, OSError, UnicodeDecodeError) as error:
        raise _refused("The model cannot be read as a SavedModel", error) from error
    tags = [sorted(graph.meta_info_def.tags) for graph in graphs]
    if list(TAGS) not in tags:
        raise NotServableError(
            f"The SavedModel cannot be served: expected a graph with the tags {list(TAGS)}, "
            f"received {tags or 'none'}."
        )
    definitions = graphs[tags.index(list(TAGS))].signature_def
    found = callable_signatures(signature_def_map(definitions))
    composite = {
        name: "it has a sparse or composite tensor"
        for name in found
        if _is_composite(definitions[name])
    }
    return {name: found[name] for name in found if name not in composite}, composite


def _is_composite(definition: Any) -> bool:
    return any(
        not info.name
        for infos in (definition.inputs, definition.outputs)
        for info in infos.values()
    )


class LoadedByTF2:
    """A model loaded by `tf.saved_model.load`.

    Raises:
        NotServableError: It does not load.
    """

    _WHERE = "tf.saved_model.load"

    def __init__(self, folder: Path) -> None:
        try:
            self._loaded = tf.saved_model.load(str(folder), tags=list(TAGS))
        except Exception as error:
            raise _refused(f"The model does not load with {self._WHERE}", error) from error

    def run(self, feed: Feed) -> dict[str, np.ndarray]:
        """Computes a signature; see `Computation`."""
        try:
            inputs = {name: tf.constant(array) for name, array in feed.inputs.items()}
            outputs = self._loaded.signatures[feed.signature](**inputs)
            return {name: _array(tensor.numpy()) for name, tensor in outputs.items()}
        except Exception as error:
            raise _refused(_failed(feed, self._WHERE), error) from error


class LoadedByTF1:
    """A model loaded into a session, as TensorFlow Serving does; a context manager.

    Raises:
        NotServableError: It does not load.
    """

    _WHERE = "TensorFlow 1's loader, which TensorFlow Serving follows"

    def __init__(self, folder: Path) -> None:
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                graph = tf.compat.v1.saved_model.load(self._session, list(TAGS), str(folder))
        except Exception as error:
            self._session.close()
            raise _refused(f"The model does not load with {self._WHERE}", error) from error
        self._definitions = graph.signature_def

    def run(self, feed: Feed) -> dict[str, np.ndarray]:
        """Computes a signature; see `Computation`."""
        definition = self._definitions[feed.signature]
        fetches = {name: info.name for name, info in definition.outputs.items()}
        feeds = {definition.inputs[name].name: array for name, array in feed.inputs.items()}
        try:
            outputs = self._session.run(fetches, feeds)
        except Exception as error:
            raise _refused(_failed(feed, self._WHERE), error) from error
        return {name: _array(value) for name, value in outputs.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()


def _array(value: Any) -> np.ndarray:
    # A tensor of rank 0 comes as a scalar; NumPy's own type for bytes drops NULs at the end.
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def _failed(feed: Feed, where: str) -> str:
    return f"Signature {feed.signature!r} fails on {len(feed)} examples, loaded with {where}"


def _refused(what: str, error: Exception) -> NotServableError:
    text = " ".join(str(error).split())[:_MAX_ERROR_CHARACTERS]
    return NotServableError(f"{what}: {type(error).__name__}: {text}")
