"""Asks the server about departures, whatever happens to it, until its log holds them all."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipelines.errors import RingwayError
from pipelines.replay import logged, processes, sending
from pipelines.replay.days import Day
from pipelines.replay.departures import Departures
from pipelines.replay.processes import Process

_SERVER_TIMEOUT_SEC = 120.0
_POLL_SEC = 0.02
_ROUNDS = 6
# A server writes its log this soon after an answer, unless the disk hangs.
_WRITTEN_SEC = 0.3


@dataclasses.dataclass
class Answers:
    """What was answered, in the order of the departures.

    Attributes:
        prediction: NaN where nobody asked.
        version: Of the model; 0 likewise.
    """

    prediction: np.ndarray
    version: np.ndarray

    @classmethod
    def empty(cls, count: int) -> Answers:
        """Returns those of departures that nobody asked about yet."""
        return cls(np.full(count, np.nan), np.zeros(count, np.int64))


class Traffic:
    """Requests of a replay.

    Args:
        model: Its name.
        departures: That are asked about.
        server: Is started where it does not run.
        port: On which it listens.
        log: Folder of its request log.

    Attributes:
        answers: What was answered so far.
        asked_again: How many were, as the log lacked them.
    """

    def __init__(
        self, model: str, departures: Departures, server: Process, port: int, log: Path
    ) -> None:
        self._model = model
        self._departures = departures
        self._server = server
        self._port = port
        self._log = log
        self._accounted_for = 0
        self.answers = Answers.empty(len(departures))
        self.asked_again = 0

    def start(self) -> None:
        """Starts the server where it does not run, and waits until it listens.

        Raises:
            RingwayError: It does not in time.
        """
        if self._server.ensure():
            processes.await_port(self._port, self._server, _SERVER_TIMEOUT_SEC)

    def ask(self, which: np.ndarray, kill_after_sec: Sequence[float] = ()) -> None:
        """Asks about departures, each until it is answered.

        Args:
            which: Their places.
            kill_after_sec: The server is killed so long after the beginning.

        Raises:
            SendingError: The server was away for too long, or refused a request.
            RingwayError: It cannot be started.
        """
        self.start()
        timers = [threading.Timer(delay_sec, self._server.kill) for delay_sec in kill_after_sec]
        for timer in timers:
            timer.start()
        with self._supervised():
            self._send(which)
            for timer in timers:
                timer.join()

    def _send(self, which: np.ndarray) -> None:
        requests = [
            (self._departures.ids[index], sending.body(self._model, self._departures.asked[index]))
            for index in which
        ]
        found = sending.send(f"127.0.0.1:{self._port}", requests, patience_sec=_SERVER_TIMEOUT_SEC)
        for index, answer in zip(which, found, strict=True):
            self.answers.prediction[index] = answer.prediction
            self.answers.version[index] = answer.version

    def ask_again(self, since: Day, until: Day) -> None:
        """Asks again about departures that were answered and that the log does not hold.

        Whoever kills a server takes with it what it had not written down, the newest 50 ms.

        Raises:
            RingwayError: The log lacks some in the end.
        """
        if len(self._server.gone_at) == self._accounted_for:
            return
        which = self._departures.between(since.begins_sec, until.ends_sec)
        for _ in range(_ROUNDS):
            self._accounted_for = len(self._server.gone_at)
            time.sleep(_WRITTEN_SEC)
            missing = self._missing(which, since)
            if not len(missing) and self._accounted_for == len(self._server.gone_at):
                return
            self.asked_again += len(missing)
            self.ask(missing)
        raise RingwayError(f"{until.date}: the request log lacks {len(missing)} departures")

    def _missing(self, which: np.ndarray, since: Day) -> np.ndarray:
        known = logged.request_ids(self._log, since.begins_sec)
        # Shards get other names while they are looked at; what is missing twice is missing.
        known |= logged.request_ids(self._log, since.begins_sec)
        return np.array([i for i in which if self._departures.ids[i] not in known], dtype=np.int64)

    @contextmanager
    def _supervised(self) -> Iterator[None]:
        """Has the server started again where it ends, while requests wait for it."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(_POLL_SEC):
                self._server.ensure()

        thread = threading.Thread(target=look, name="supervisor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
