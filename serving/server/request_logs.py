"""The request logs of all models: which one a request goes to, if any.

A model's own `logging_config` counts; where it has none, the server's default does. Models with the
same configuration share one log. Writing is for `serving.request_log`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from serving.data_plane import CallContext, with_inputs
from serving.request_log.record import record_parts
from serving.request_log.writer import Counters, RequestLog

Open = Callable[[Any], RequestLog]


class RequestLogs:
    """Opens, closes and finds request logs; for the event loop.

    Args:
        open_log: Opens the log of a LoggingConfig; raises ServingError for a bad one.
        default: LoggingConfig of models that have none of their own; None for none.
        clock: Seconds since the epoch, for the records.

    Raises:
        ServingError: The default cannot be opened.
    """

    def __init__(self, open_log: Open, *, default: Any | None, clock: Callable[[], float]) -> None:
        self._open = open_log
        self._clock = clock
        self._by_config: dict[bytes, RequestLog] = {}
        self._closing: list[threading.Thread] = []
        self._configs: dict[bytes, Any] = {}
        self._default = self._opened(default) if default is not None else None
        self._by_model: dict[str, bytes] = {}

    def configure(self, models: Mapping[str, Any]) -> None:
        """Takes over the configuration of models; logs that nothing uses any more are closed.

        Args:
            models: LoggingConfig by model, only of models that have one.

        Raises:
            ServingError: One cannot be opened; what was configured before goes on.
        """
        before = set(self._by_config)
        try:
            by_model = {name: self._opened(config) for name, config in models.items()}
        except Exception:
            self._close(set(self._by_config) - before)
            raise
        self._by_model = by_model
        used = {*by_model.values(), self._default}
        self._close({key for key in self._by_config if key not in used})

    def offer(
        self, method: str, model: str, request: Any, response: Any, context: CallContext, spec: Any
    ) -> bool | None:
        """Gives a call to its model's log, if there is one and the call is in its sample.

        Returns:
            Whether the log took it; None where it was not to be logged.
        """
        key = self._by_model.get(model, self._default)
        if key is None:
            return None
        log = self._by_config[key]
        if not log.sampled(context.request_id):
            return None
        asked, answered = _encoded(request, response, context)
        now = self._clock()
        parts = record_parts(
            method,
            asked,
            answered,
            model_spec=spec.SerializeToString(),
            request_id=context.request_id,
            now=now,
            sampling_rate=log.sampling_rate,
            rollout=(context.rollout_id, context.rollout_arm),
        )
        return log.offer(*parts, at=now)

    def counters(self) -> Iterator[tuple[str, Counters]]:
        """Yields each log's prefix and what it has counted."""
        for key, log in self._by_config.items():
            yield self._configs[key].log_collector_config.filename_prefix, log.counters()

    def close(self, timeout_sec: float) -> None:
        """Writes what waits and completes every log; blocks."""
        for thread in self._closing:
            thread.join(timeout_sec)
        for log in self._by_config.values():
            log.close(timeout_sec)

    def _opened(self, config: Any) -> bytes:
        key: bytes = config.SerializeToString(deterministic=True)
        if key not in self._by_config:
            self._by_config[key] = self._open(config)
            self._configs[key] = config
        return key

    def _close(self, keys: set[bytes]) -> None:
        """Closes logs in threads of their own: the disk may be slow, and this is the event loop."""
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        for key in keys:
            self._configs.pop(key)
            log = self._by_config.pop(key)
            thread = threading.Thread(target=log.close, name="close-request-log", daemon=True)
            thread.start()
            self._closing.append(thread)


def _encoded(request: Any, response: Any, context: CallContext) -> tuple[bytes, bytes]:
    """Returns the bytes of both messages, and makes only those that no transport has or needs."""
    asked = context.request_bytes
    if asked is None:
        asked = with_inputs(request, context).SerializeToString()
    context.response_bytes = response.SerializeToString()
    return asked, context.response_bytes
