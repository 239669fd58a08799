"""Loads versions of models with TensorFlow: a SavedModel, or TFLite where that is preferred.

Which versions, when and in which threads is for `serving.server.models`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from serving.backends.local import tflite
from serving.backends.local.options import LocalOptions
from serving.backends.local.saved_model import open_saved_model
from serving.backends.local.session_config import session_config
from serving.backends.local.warmup import warm_up
from serving.backends.servable import Servable
from serving.wire.errors import ServingError

_LOGGER = logging.getLogger(__name__)

OnWarmup = Callable[[Path, float, ServingError | None], None]


class LocalLoader:
    """Loads with TensorFlow in this process; used from several load threads at once.

    Args:
        options: One for a process: see `serving.backends.local.session_config`.
        on_warmup: Told of each warm-up that had requests to replay: the version's folder, seconds,
            and the error if it failed. In a load thread.

    Raises:
        ServingError: The options name a device or a file that is not there.
    """

    def __init__(self, options: LocalOptions, *, on_warmup: OnWarmup | None = None) -> None:
        self._options = options
        self._on_warmup = on_warmup
        self._config = session_config(options)
        # Whoever asks for threads between operations wants operations side by side.
        self._caller_thread = self._config.inter_op_parallelism_threads <= 1

    def load(self, model: str, version: int, folder: Path) -> Servable:
        """Loads a version, prepares its signatures and replays its warm-up requests.

        Args:
            model: Its name, for messages.
            version: Its number, for messages.
            folder: Holds `saved_model.pb`, or `model.tflite` where that is preferred.

        Raises:
            ServingError: The version cannot be served; the message says why.
        """
        began = time.perf_counter()
        servable = self._open(model, version, folder)
        opened = time.perf_counter()
        try:
            replayed = self._warm_up(servable, folder)
        except BaseException:
            servable.close()
            raise
        warmed = time.perf_counter()
        _LOGGER.info(
            "loaded %s/%d in %.2f s, of which %.2f s replayed %d warm-up requests",
            *(model, version, warmed - began, warmed - opened, replayed),
        )
        return servable

    def _open(self, model: str, version: int, folder: Path) -> Servable:
        if self._options.prefer_tflite and (folder / tflite.FILE).exists():
            return tflite.open_tflite(
                folder / tflite.FILE, self._options.interpreters, self._options.intra_op
            )
        servable = open_saved_model(
            folder, self._options.tags, self._config, caller_thread=self._caller_thread
        )
        # As with TensorFlow Serving, a signature that cannot be called does not keep the others
        # from it.
        for name, error in servable.compile_all().items():
            _LOGGER.warning(
                'signature "%s" of %s/%d cannot be called: %s', name, model, version, error
            )
        return servable

    def _warm_up(self, servable: Servable, folder: Path) -> int:
        if not self._options.enable_warmup:
            return 0
        began = time.perf_counter()
        replayed, failure = 0, None
        try:
            replayed = warm_up(servable, folder, self._options.iterations)
        except ServingError as error:
            failure = error
            raise
        finally:
            if self._on_warmup is not None and (replayed or failure):
                self._on_warmup(folder, time.perf_counter() - began, failure)
        return replayed
