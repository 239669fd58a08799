"""Versions and the threads that compute for them, with a version that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

import numpy as np
import pytest
from batching_servables import NumpyServable

from serving.server import served_model
from serving.server.batching import BatchingOptions, BatchThreads
from serving.server.models.lifecycle import Lifecycle, LoadOptions
from serving.server.models.states import State
from serving.server.served_model import BatchingLoader

PATIENCE_SEC = 20
ONE = {"x": np.zeros((1, 1), np.float32)}
HANGING, SOUND, LATER = 12, 13, 14


class Closable(NumpyServable):
    """Notes that it was closed."""

    def __init__(self):
        super().__init__()
        self.closed = threading.Event()

    def close(self):
        self.closed.set()


class Made:
    """Loads servables, which tests can hold up."""

    def __init__(self):
        self.servables = {}

    def load(self, model, version, folder):
        self.servables[version] = Closable()
        return self.servables[version]


@contextlib.asynccontextmanager
async def versions(made, threads):
    loader = BatchingLoader(
        loader=made,
        batching=BatchingOptions(),
        per_model=False,
        threads=threads,
        loop=asyncio.get_running_loop(),
        cpus=2,
        max_pending_requests=100,
        on_batch=lambda *_: None,
        on_load=lambda *_: None,
        background=True,
    )
    options = LoadOptions(
        load_threads=1,
        initial_load_threads=1,
        unload_threads=1,
        max_retries=0,
        retry_interval_sec=0.0,
    )
    lifecycle = Lifecycle(loader, options)
    try:
        yield lifecycle
    finally:
        for servable in made.servables.values():
            servable.gate.set()
        await lifecycle.close()
        await asyncio.to_thread(threads.close)


async def want(lifecycle, *numbers):
    lifecycle.aspire("m", dict.fromkeys(numbers, Path("nowhere")))
    async with asyncio.timeout(PATIENCE_SEC):
        await lifecycle.until(lambda: lifecycle.states.available("m") == set(numbers))


def model(lifecycle, number):
    return lifecycle.snapshot.versions["m", number].servable


async def hang(lifecycle, made):
    """Has calls that nobody waits for hang in a version; returns once their time is up."""
    made.servables[HANGING].gate.clear()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await model(lifecycle, HANGING).background.run("serving_default", ONE)
    await asyncio.sleep(0.05)


def test_a_version_that_hangs_holds_up_no_other_and_is_freed_if_it_ends(monkeypatch, caplog):
    monkeypatch.setattr(served_model, "CLOSE_SEC", 0.2)

    async def run():
        made = Made()
        async with versions(made, BatchThreads(1)) as lifecycle:
            await want(lifecycle, 11, HANGING)
            await hang(lifecycle, made)
            await want(lifecycle, 11)
            await want(lifecycle, 11, SOUND)
            await want(lifecycle, SOUND)  # waits for the one thread that unloads
            await want(lifecycle, SOUND, LATER)
            async with asyncio.timeout(PATIENCE_SEC):
                answer = await model(lifecycle, LATER).background.run("serving_default", ONE)
                await lifecycle.until(lambda: lifecycle.states.of("m")[HANGING].state is State.END)
                await lifecycle.until(lambda: lifecycle.states.of("m")[11].state is State.END)
            assert answer["y"].shape == (1, 1)
            assert made.servables[11].closed.is_set()
            hung = made.servables[HANGING]
            assert not hung.closed.is_set()
            assert "did not end within" in caplog.text
            hung.gate.set()
            assert await asyncio.to_thread(hung.closed.wait, PATIENCE_SEC)

    asyncio.run(run())


def test_calls_that_nobody_waits_for_leave_the_queue_with_those_who_asked():
    async def run():
        made = Made()
        async with versions(made, BatchThreads(1)) as lifecycle:
            await want(lifecycle, HANGING)
            await hang(lifecycle, made)
            hung = model(lifecycle, HANGING)
            assert hung.background.pending == 1  # that which is being computed
            made.servables[HANGING].gate.set()
            async with asyncio.timeout(PATIENCE_SEC):
                await hung.background.run("serving_default", ONE)
            assert len(made.servables[HANGING].calls) == 2

    asyncio.run(run())


def test_a_versions_thread_ends_with_it():
    def threads():
        return [one for one in threading.enumerate() if one.name.startswith("background")]

    async def run():
        before = len(threads())
        async with versions(Made(), BatchThreads(1)) as lifecycle:
            await want(lifecycle, 11, SOUND)
            assert len(threads()) == before + 2
            await want(lifecycle, 11)
            async with asyncio.timeout(PATIENCE_SEC):
                while len(threads()) > before + 1:
                    await asyncio.sleep(0.01)

    asyncio.run(run())
