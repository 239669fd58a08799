"""Opens SavedModels of TF1 and TF2: reads the graph, restores its variables, runs its init op.

All by TF1's loader, as TensorFlow Serving does. `tf.saved_model.load` would make the objects of TF2
anew as well, which computing has no use for. Either way TensorFlow keeps Python's other threads
waiting while it imports the graph, some 15 ms for each 100 KB; restoring and compiling do not.

Errors have TensorFlow Serving's codes and words where it has some.

Source of the words: tensorflow/cc/saved_model/reader.cc.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from serving.backends.local import failures
from serving.backends.local.session import SessionServable
from serving.backends.local.signature_defs import signature_def_map
from serving.wire.errors import ServingError, StatusCode, not_found

FILES = ("saved_model.pb", "saved_model.pbtxt")


def open_saved_model(
    folder: Path, tags: Set[str], config: config_pb2.ConfigProto, *, caller_thread: bool = True
) -> SessionServable:
    """Restores a SavedModel in a session of its own.

    Args:
        folder: Holds `saved_model.pb` or `saved_model.pbtxt`.
        tags: Exactly those of the graph to load.
        config: Of the session.
        caller_thread: As in `SessionServable`.

    Raises:
        ServingError: NOT_FOUND for no SavedModel or no graph of these tags, DATA_LOSS for a file
            that cannot be parsed, else TensorFlow's.
    """
    if not any((folder / name).exists() for name in FILES):
        raise not_found(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {folder}"
        )
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    try:
        definitions = _restore(session, folder, tags)
        return SessionServable(session, definitions, caller_thread=caller_thread)
    except BaseException:
        session.close()
        raise


def _restore(session: tf.compat.v1.Session, folder: Path, tags: Set[str]) -> Any:
    try:
        with session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(session, sorted(tags), str(folder))
    except failures.LOADING as error:
        raise _explained(error, folder, tags) from error
    session.graph.finalize()
    return signature_def_map(meta_graph.signature_def)


def _explained(error: Exception, folder: Path, tags: Set[str]) -> ServingError:
    text = str(error)
    if isinstance(error, OSError) and text.startswith("Cannot parse file"):
        return ServingError(StatusCode.DATA_LOSS, f"Can't parse {folder} as a SavedModel: {text}")
    if isinstance(error, RuntimeError) and "could not be found in SavedModel" in text:
        return not_found(
            "Could not find meta graph def matching supplied tags: "
            f"{{ {' '.join(sorted(tags))} }} in {folder}. {text}"
        )
    return failures.of_loading(error, folder)


def _is_news(record: logging.LogRecord) -> bool:
    # TensorFlow advises against the loader that is meant here.
    return "saved_model.loader_impl) is deprecated" not in record.getMessage()


logging.getLogger("tensorflow").addFilter(_is_news)
