"""Versions that come and go while requests are answered."""

from __future__ import annotations

import asyncio
import shutil
import threading

from lifecycle_models import comes_true, config_of, on_loop, push, spec
from model_managers import managed, number, refusal, states

from serving.server.models import ModelManager, State
from serving.wire.errors import ServingError


def test_a_new_version_is_loaded_before_the_old_one_goes(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "10")

    async def body() -> list[tuple[str, int, State]]:
        heard: list[tuple[str, int, State]] = []
        async with managed(config_of(base)) as (manager, loader):
            manager.subscribe(lambda *change: heard.append(change))
            push(base, 2, "20")
            await comes_true(lambda: states(manager, "m")[1] is State.END)
            assert number(manager, spec("m")) == 20
            assert loader.loaded["m", 1].closed.is_set()
        return heard

    assert on_loop(body())[:6] == [
        ("m", 2, State.START),
        ("m", 2, State.LOADING),
        ("m", 2, State.AVAILABLE),
        ("m", 1, State.UNLOADING),
        ("m", 1, State.END),
        ("m", 2, State.UNLOADING),
    ]


def test_a_request_in_flight_keeps_its_version(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            lease = manager.acquire(spec("m"))
            push(base, 2, "2")
            await comes_true(lambda: states(manager, "m")[1] is State.UNLOADING)
            await asyncio.sleep(0.03)
            assert states(manager, "m") == {2: State.AVAILABLE, 1: State.UNLOADING}
            assert number(manager, spec("m")) == 2
            assert refusal(lambda: manager.acquire(spec("m", 1)))[0] == "NOT_FOUND"
            assert int(lease.servable.run("", {})["y"]) == 1
            lease.release()
            lease.release()
            await comes_true(lambda: states(manager, "m")[1] is State.END)
            assert loader.loaded["m", 1].closed.is_set()

    on_loop(body())


def test_no_request_fails_while_versions_are_swapped(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")
    over = threading.Event()
    failures: list[BaseException] = []
    served: set[int] = set()

    def ask(manager: ModelManager) -> None:
        while not over.is_set():
            try:
                served.add(number(manager, spec("m")))
            except (ServingError, AssertionError) as error:
                failures.append(error)

    async def ended(manager: ModelManager, version: int) -> None:
        await comes_true(lambda: states(manager, "m").get(version) is State.END)

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            callers = [threading.Thread(target=ask, args=(manager,)) for _ in range(4)]
            for caller in callers:
                caller.start()
            try:
                for version in range(2, 9):
                    push(base, version, str(version))
                    await ended(manager, version - 1)
            finally:
                over.set()
                for caller in callers:
                    await asyncio.to_thread(caller.join)
            closed = {v for (_, v), servable in loader.loaded.items() if servable.closed.is_set()}
            assert closed == set(range(1, 8))

    on_loop(body())
    assert failures == []
    assert served == set(range(1, 9))


def test_deleting_every_version_unloads_and_a_vanished_base_path_does_not(tmp_path, caplog):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, _):
            base.rename(tmp_path / "away")
            await comes_true(lambda: "Could not find base path" in caplog.text)
            await asyncio.sleep(0.05)
            assert number(manager, spec("m")) == 1
            assert caplog.text.count("Could not find base path") == 1
            (tmp_path / "away").rename(base)
            shutil.rmtree(base / "1")
            await comes_true(lambda: states(manager, "m")[1] is State.END)
            assert "No versions of servable m found" in caplog.text
            assert not manager.ready()
            assert refusal(lambda: manager.acquire(spec("m"))) == (
                "NOT_FOUND",
                "Servable not found for request: Latest(m)",
            )
            push(base, 1, "7")
            await comes_true(manager.ready)
            assert number(manager, spec("m")) == 7

    on_loop(body())


def test_taking_the_newest_version_back_serves_the_one_before_without_a_gap(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")
    push(base, 2, "2")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, _):
            assert states(manager, "m") == {2: State.AVAILABLE}
            shutil.rmtree(base / "2")
            while number(manager, spec("m")) != 1:
                await asyncio.sleep(0.001)
            await comes_true(lambda: states(manager, "m")[2] is State.END)

    on_loop(body())


def test_a_version_wanted_again_while_it_unloads_is_loaded_anew(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            lease = manager.acquire(spec("m"))
            push(base, 2, "2")
            await comes_true(lambda: states(manager, "m")[1] is State.UNLOADING)
            shutil.rmtree(base / "2")
            await asyncio.sleep(0.05)
            assert number(manager, spec("m")) == 2  # it answers until 1 is back
            lease.release()
            await comes_true(lambda: states(manager, "m")[1] is State.AVAILABLE)
            await comes_true(lambda: states(manager, "m")[2] is State.END)
            assert loader.tries == [("m", 1), ("m", 2), ("m", 1)]

    on_loop(body())
