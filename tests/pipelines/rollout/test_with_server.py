"""Rollouts from ML Metadata to a real server process and back, under requests."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore
from model_server import ModelServer, free_port, until
from rollout_orders import CANDIDATE, MODEL, NEWER, REFUSING, STABLE, Place, answer, export
from rollout_pushes import push

from pipelines.lineage.store import open_store
from pipelines.rollout import events, records
from pipelines.rollout.conduct import Conductor
from pipelines.rollout.events import Event
from serving.rollout import order
from serving.rollout.order import Order


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("exports"))


@pytest.fixture
def place(exports: Path, tmp_path: Path) -> Place:
    return Place(tmp_path, exports)


@pytest.fixture
def store(tmp_path: Path) -> MetadataStore:
    return open_store(f"sqlite:///{tmp_path / 'metadata.sqlite'}")


def asked_for(place: Place, store: MetadataStore, version: int, **settings: Any) -> None:
    """Leaves all as the pusher does: pinned first, then the version, then what is asked for."""
    order.write(Order(model=MODEL, serves=STABLE), place.rollout)
    place.push(version)
    given = {"min_requests": 30, "key": "header:x-user", "steps": (0.3, 1.0), **settings}
    push(store, version, stable=STABLE, model=MODEL, **given)


class Callers:
    """Asks a server all the time, each time as another user; REFUSING fails all of it."""

    def __init__(self, server: ModelServer) -> None:
        self.answered: Counter[int] = Counter()
        self.failed = 0
        self._server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        for number in itertools.count():
            if self._done.is_set():
                return
            try:
                self.answered[answer(self._server, f"user-{number}", x=-1.0)[0]] += 1
            except grpc.RpcError:
                self.failed += 1

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Callers]:
        self._thread.start()
        try:
            yield self
        finally:
            self._done.set()
            self._thread.join()


def conducted(
    place: Place, store: MetadataStore, until_true: Callable[[], bool]
) -> tuple[Event, ...]:
    """Conducts until something is so; returns all that happened."""

    def tick() -> bool:
        # A new one each time, as if the one before had been killed.
        Conductor(
            store, MODEL, place.rollout, clock=time.time, token=lambda: uuid.uuid4().hex
        ).tick()
        return until_true()

    until(tick)
    return events.of(records.read(store, MODEL))


def ended(store: MetadataStore) -> Callable[[], bool]:
    def is_so() -> bool:
        last = records.read(store, MODEL).last
        return last is not None and last.state.finished

    return is_so


def test_a_canary_is_promoted_while_no_request_fails(place: Place, store: MetadataStore) -> None:
    place.push(STABLE)
    with place.serving() as server, Callers(server).at_work() as callers:
        asked_for(place, store, CANDIDATE)
        happened = conducted(place, store, ended(store))
        assert [one.kind for one in happened] == ["opened", "raised", "raised", "promoted"]
        until(lambda: answer(server, "user-0")[0] == CANDIDATE)
        # What comes after waits for its own rollout.
        place.push(NEWER)
        before = callers.answered[CANDIDATE]
        until(lambda: callers.answered[CANDIDATE] > before + 50)
        assert callers.answered[NEWER] == 0
    assert callers.failed == 0


def test_a_candidate_that_fails_is_back_in_its_first_step_and_stays_there(
    place: Place, store: MetadataStore
) -> None:
    place.push(STABLE)
    port = free_port()
    with place.serving(grpc_port=port) as server:
        with Callers(server).at_work() as callers:
            asked_for(place, store, REFUSING, guards=("error_rate",))
            happened = conducted(place, store, ended(store))
        assert [one.kind for one in happened] == ["opened", "raised", "rolled_back"]
        rolled_back = happened[-1]
        assert "error_rate" in rolled_back.because
        assert rolled_back.wall_sec is not None
        assert rolled_back.simulated_sec is not None
        assert 0 <= rolled_back.wall_sec < 30
        # The guard is asked at every 25 requests of the candidate, so not many saw it.
        assert 0 < callers.failed <= 60
        server.stop(signal.SIGKILL)
    with place.serving(grpc_port=port) as server:
        found = {answer(server, f"user-{number}", x=-1.0)[0] for number in range(40)}
        assert found == {STABLE}
        assert conducted(place, store, lambda: True) == happened
