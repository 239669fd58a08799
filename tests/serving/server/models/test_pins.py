"""Versions that have to serve whatever a model's policy says."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil

import pytest
from lifecycle_models import NumberLoader, comes_true, config_of, on_loop, push, spec
from model_managers import QUICK

from serving.server.models import ModelManager


@pytest.fixture
def base(tmp_path):
    base = tmp_path / "m"
    for version in (1, 2):
        push(base, version, str(version))
    return base


@contextlib.asynccontextmanager
async def managed(base, pins=None, options=QUICK):
    manager = ModelManager(NumberLoader(), options)
    manager.pin(pins or {})
    await manager.start(config_of(base))
    try:
        yield manager
    finally:
        await manager.stop()


def latest(manager):
    with manager.acquire(spec("m")) as lease:
        return lease.version


def test_pinned_versions_serve_from_the_start_and_newer_ones_do_not(base):
    async def run():
        async with managed(base, {"m": (1,)}) as manager:
            assert await manager.settled(5)
            assert manager.available("m") == (1,)
            push(base, 3, "3")
            await asyncio.sleep(0.1)
            assert manager.available("m") == (1,)
            assert (manager.answers("m", 1), manager.answers("m", 3)) == (True, False)
            manager.pin({})
            await comes_true(lambda: manager.available("m") == (3,))

    on_loop(run())


def test_a_pin_loads_before_it_lets_go_and_there_is_always_a_version(base):
    async def run():
        async with managed(base) as manager:
            manager.pin({"m": (1, 2)})
            await comes_true(lambda: manager.available("m") == (1, 2))
            for pin in ((1,), (2,), (2, 1), (1,)):
                manager.pin({"m": pin})
                while manager.available("m") != tuple(sorted(pin)):
                    assert latest(manager) in {1, 2}
                    await asyncio.sleep(0)

    on_loop(run())


def test_what_is_not_there_is_waited_for_while_what_serves_keeps_serving(base):
    async def run():
        async with managed(base) as manager:
            manager.pin({"m": (5,)})
            await asyncio.sleep(0.1)
            assert (manager.available("m"), manager.failure("m", 5)) == ((2,), "")
            push(base, 5, "5")
            await comes_true(lambda: manager.available("m") == (5,))

    on_loop(run())


def test_a_pinned_version_outlives_its_folder(base):
    async def run():
        async with managed(base, {"m": (1,)}) as manager:
            shutil.rmtree(base / "1")
            await asyncio.sleep(0.1)
            assert manager.available("m") == (1,)
            manager.pin({"m": (1, 2)})
            await comes_true(lambda: manager.available("m") == (1, 2))

    on_loop(run())


def test_a_version_that_cannot_be_loaded_is_told_once_it_is_given_up_and_tried_anew(base):
    push(base, 3, "fail no room")

    async def run():
        async with managed(base, {"m": (1, 3)}) as manager:
            await comes_true(lambda: manager.failure("m", 3))
            assert manager.failure("m", 3) == "INTERNAL: no room"
            assert (manager.failure("m", 1), manager.failure("m", 9)) == ("", "")
            assert manager.available("m") == (1,)
            manager.pin({"m": (1,)})
            await comes_true(lambda: not manager.failure("m", 3))
            (base / "3" / "number").write_text("3")
            manager.pin({"m": (1, 3)})
            await comes_true(lambda: manager.available("m") == (1, 3))

    on_loop(run())


def test_a_start_waits_for_versions_on_their_way_but_not_for_those_that_stumbled(base):
    push(base, 3, "wait 3")
    push(base, 4, "fail no room")
    patient = dataclasses.replace(QUICK, max_load_retries=5, load_retry_interval_sec=3600)

    async def run():
        async with managed(base, {"m": (1, 3)}, patient) as manager:
            assert not await manager.settled(0.05)
            (base / "3" / "go").touch()
            assert await manager.settled(5)
            assert manager.available("m") == (1, 3)
            manager.pin({"m": (1, 4)})
            await comes_true(lambda: manager.available("m") == (1,))
            assert await manager.settled(5)
            assert manager.failure("m", 4) == ""  # it is tried again

    on_loop(run())


def test_a_configuration_that_is_applied_again_leaves_a_pin(base):
    async def run():
        async with managed(base, {"m": (1,)}) as manager:
            manager.apply(config_of(base, more='version_labels { key: "stable" value: 1 }'))
            await asyncio.sleep(0.1)
            assert manager.available("m") == (1,)
            manager.apply(config_of())
            await comes_true(lambda: manager.available("m") == ())

    on_loop(run())


def test_a_start_waits_for_a_pins_first_version_also_where_it_stumbled(base, monkeypatch):
    from serving.server.models import lifecycle

    monkeypatch.setattr(lifecycle, "_SOON_SEC", 0.02)
    slow = dataclasses.replace(QUICK, max_load_retries=1, load_retry_interval_sec=15)
    push(base, 3, "fail for now")

    async def run():
        async with managed(base, {"m": (3, 1)}, slow) as manager:
            settled = asyncio.create_task(manager.settled(0.0))
            await asyncio.sleep(0.3)
            assert (settled.done(), manager.available("m")) == (False, (1,))
            (base / "3" / "number").write_text("3")
            async with asyncio.timeout(10):
                assert await settled
            assert manager.available("m") == (1, 3)

    on_loop(run())


def test_a_pins_first_version_that_is_given_up_is_waited_for_no_longer(base):
    push(base, 3, "fail for good")

    async def run():
        async with managed(base, {"m": (3, 1)}) as manager:
            async with asyncio.timeout(10):
                assert await manager.settled(5)
            assert manager.failure("m", 3) == "INTERNAL: for good"

    on_loop(run())
