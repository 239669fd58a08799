"""What a manager serves from its start to its end, on real folders and with a real loader."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from typing import Any

import pytest
from lifecycle_models import NumberLoader, comes_true, config_of, on_loop, push, spec
from model_managers import QUICK, managed, number, refusal, states

from serving.server.models import ManagerOptions, ModelManager, State
from serving.server.options import ServerOptions
from serving.wire.errors import ServingError, StatusCode


def test_the_highest_version_serves(tmp_path):
    base = tmp_path / "m"
    push(base, 9, "9")
    push(base, "00000123", "5")
    push(base, "latest", "0")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            assert manager.ready()
            with manager.acquire(spec("m")) as lease:
                assert (lease.name, lease.version) == ("m", 123)
            assert number(manager, spec("m", 123)) == 5
            assert loader.tries == [("m", 123)]

    on_loop(body())


def test_what_does_not_serve_is_refused_in_tensorflow_servings_words(tmp_path):
    push(tmp_path / "m", 1, "1")

    async def body() -> list[tuple[str, str]]:
        async with managed(config_of(tmp_path / "m")) as (manager, _):
            asked = [None, spec(""), spec("n"), spec("m", 9), spec("m", label="canary")]
            return [refusal(functools.partial(manager.acquire, one)) for one in asked]

    assert on_loop(body()) == [
        ("INVALID_ARGUMENT", "Missing ModelSpec"),
        ("INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ("NOT_FOUND", "Servable not found for request: Latest(n)"),
        ("NOT_FOUND", "Servable not found for request: Specific(m, 9)"),
        ("INVALID_ARGUMENT", "Unrecognized servable version label: canary"),
    ]


def test_the_start_waits_for_a_base_path_and_a_version(tmp_path):
    base = tmp_path / "m"

    async def body() -> None:
        manager = ModelManager(NumberLoader(), QUICK)
        start = asyncio.create_task(manager.start(config_of(base)))
        await asyncio.sleep(0.05)
        assert not start.done()
        base.mkdir()
        await asyncio.sleep(0.05)
        assert not start.done()
        assert not manager.ready()
        push(base, 1, "1")
        await start
        assert manager.ready()
        await manager.stop()

    on_loop(body())


@pytest.mark.parametrize(
    ("policy", "serving"),
    [
        ("latest {}", {4}),
        ("latest { num_versions: 0 }", {4}),
        ("latest { num_versions: 2 }", {3, 4}),
        ("latest { num_versions: 9 }", {1, 3, 4}),
        ("all {}", {1, 3, 4}),
        ("specific { versions: [1, 3, 8] }", {1, 3}),
    ],
)
def test_a_version_policy_says_what_serves(tmp_path, policy, serving):
    base = tmp_path / "m"
    for version in (1, 3, 4):
        push(base, version, str(version))

    async def body() -> None:
        config = config_of(base, more=f"model_version_policy {{ {policy} }}")
        async with managed(config) as (manager, _):
            available = dict.fromkeys(serving, State.AVAILABLE)
            await comes_true(lambda: states(manager, "m") == available)
            assert number(manager, spec("m")) == max(serving)
            assert [number(manager, spec("m", v)) for v in sorted(serving)] == sorted(serving)

    on_loop(body())


def test_the_start_fails_when_every_version_of_a_model_fails(tmp_path):
    push(tmp_path / "m", 2, "fail wrong kind")
    push(tmp_path / "n", 1, "1")

    async def body() -> None:
        loader = NumberLoader()
        manager = ModelManager(loader, QUICK)
        with pytest.raises(ServingError) as caught:
            await manager.start(config_of(tmp_path / "m", tmp_path / "n"))
        assert caught.value.code is StatusCode.UNKNOWN
        assert caught.value.message == (
            "1 servable(s) did not become available: "
            "{{{name: m version: 2} due to error: INTERNAL: wrong kind}, }"
        )
        assert loader.tries.count(("m", 2)) == 2
        assert not manager.ready()
        await manager.stop()

    on_loop(body())


def test_the_start_needs_one_version_of_several(tmp_path):
    push(tmp_path / "m", 1, "1")
    push(tmp_path / "m", 2, "fail always")
    config = config_of(tmp_path / "m", more="model_version_policy { all {} }")

    async def body() -> None:
        async with managed(config) as (manager, _):
            assert number(manager, spec("m")) == 1

    on_loop(body())


@pytest.mark.parametrize(("interval", "noticed"), [(0.01, True), (0, False)])
def test_an_interval_of_zero_looks_once(tmp_path, interval, noticed):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        options = dataclasses.replace(QUICK, poll_interval_sec=interval)
        async with managed(config_of(base), options) as (manager, _):
            push(base, 2, "2")
            if noticed:
                await comes_true(lambda: number(manager, spec("m")) == 2)
            else:
                await asyncio.sleep(0.1)
                assert number(manager, spec("m")) == 1

    on_loop(body())


def test_a_negative_interval_never_looks(tmp_path):
    push(tmp_path / "m", 1, "1")

    async def body() -> None:
        loader = NumberLoader()
        manager = ModelManager(loader, dataclasses.replace(QUICK, poll_interval_sec=-1))
        start = asyncio.create_task(manager.start(config_of(tmp_path / "m")))
        await asyncio.sleep(0.1)
        assert not start.done()
        assert loader.tries == []
        start.cancel()
        await manager.stop()

    on_loop(body())


def test_stopping_ends_every_version_once_its_calls_have_ended(tmp_path):
    push(tmp_path / "m", 1, "1")
    push(tmp_path / "n", 1, "sticky 1")

    async def body() -> None:
        async with managed(config_of(tmp_path / "m", tmp_path / "n")) as (manager, loader):
            lease = manager.acquire(spec("m"))
            stop = asyncio.create_task(manager.stop())
            await comes_true(lambda: states(manager, "n")[1] is State.END)
            assert not stop.done()
            assert not loader.loaded["m", 1].closed.is_set()
            lease.release()
            await stop
            assert loader.loaded["m", 1].closed.is_set()
            assert not manager.ready()

    on_loop(body())


def test_a_listener_that_fails_breaks_nothing(tmp_path, caplog):
    push(tmp_path / "m", 1, "1")

    def fail(*change: Any) -> None:
        raise RuntimeError("deaf")

    async def body() -> None:
        manager = ModelManager(NumberLoader(), QUICK)
        manager.subscribe(fail)
        await manager.start(config_of(tmp_path / "m"))
        assert number(manager, spec("m")) == 1
        await manager.stop()

    on_loop(body())
    assert "A listener failed on model m version 1" in caplog.text


def test_one_base_path_that_is_gone_does_not_hold_up_other_models(tmp_path):
    push(tmp_path / "m", 1, "1")

    async def body() -> None:
        async with managed(config_of(tmp_path / "m")) as (manager, _):
            manager.apply(config_of(tmp_path / "m", tmp_path / "gone"))
            await asyncio.sleep(0.03)
            push(tmp_path / "m", 2, "2")
            await comes_true(lambda: number(manager, spec("m")) == 2)

    on_loop(body())


def test_the_options_come_from_the_command_line():
    options = ServerOptions(
        file_system_poll_wait_seconds=0,
        num_load_threads=3,
        max_num_load_retries=7,
        load_retry_interval_micros=-1,
        allow_version_labels_for_unavailable_models=True,
    )
    found = ManagerOptions.of(options)
    assert (found.poll_interval_sec, found.allow_labels_for_unavailable) == (0, True)
    load = found.load_options()
    assert (load.load_threads, load.unload_threads, load.max_retries) == (3, 1, 7)
    assert load.retry_interval_sec == 0
    assert ManagerOptions.of(ServerOptions()).load_retry_interval_sec == 60
