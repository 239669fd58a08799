"""Versions that fail to load, or load too late."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil

from lifecycle_models import comes_true, config_of, on_loop, push, spec
from model_managers import QUICK, error_of, managed, number, refusal, states

from serving.server.models import State
from serving.wire.errors import StatusCode

PATIENT = dataclasses.replace(QUICK, max_load_retries=5, load_retry_interval_sec=3600)


def test_a_version_that_fails_leaves_the_old_one_serving(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            push(base, 2, "fail out of luck")
            await comes_true(lambda: states(manager, "m").get(2) is State.END)
            assert number(manager, spec("m")) == 1
            assert loader.tries.count(("m", 2)) == 2  # the first, and one retry
            error = error_of(manager, "m", 2)
            assert error is not None
            assert (error.code, error.message) == (StatusCode.INTERNAL, "out of luck")
            await asyncio.sleep(0.05)
            assert loader.tries.count(("m", 2)) == 2
            assert manager.ready()

    on_loop(body())


def test_a_loader_that_breaks_only_fails_the_version(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, _):
            push(base, 2, "break")
            await comes_true(lambda: states(manager, "m").get(2) is State.END)
            error = error_of(manager, "m", 2)
            assert error is not None
            assert (error.code.name, error.message) == (
                "INTERNAL",
                "RuntimeError: the loader broke",
            )
            assert number(manager, spec("m")) == 1

    on_loop(body())


def test_half_a_copy_is_tried_again(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        options = dataclasses.replace(QUICK, max_load_retries=10_000)
        async with managed(config_of(base), options) as (manager, loader):
            (base / "2").mkdir()
            await comes_true(lambda: loader.tries.count(("m", 2)) >= 3)
            assert states(manager, "m") == {2: State.LOADING, 1: State.AVAILABLE}
            (base / "draft").write_text("2")
            (base / "draft").rename(base / "2" / "number")
            await comes_true(lambda: states(manager, "m")[1] is State.END)
            assert number(manager, spec("m")) == 2

    on_loop(body())


def test_a_newer_version_does_not_wait_for_the_retries_of_a_failing_one(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        options = dataclasses.replace(PATIENT, num_load_threads=0)
        async with managed(config_of(base), options) as (manager, loader):
            push(base, 2, "fail for an hour")
            await comes_true(lambda: ("m", 2) in loader.tries)
            push(base, 3, "3")
            await comes_true(lambda: states(manager, "m").get(3) is State.AVAILABLE)
            await comes_true(lambda: states(manager, "m").get(2) is State.END)
            error = error_of(manager, "m", 2)
            assert error is not None
            assert error.message == "for an hour"
            assert loader.tries.count(("m", 2)) == 1

    on_loop(body())


def test_a_version_that_loads_too_late_never_serves(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            late = push(base, 2, "wait 2")
            await comes_true(lambda: ("m", 2) in loader.tries)
            push(base, 3, "3")
            await comes_true(lambda: states(manager, "m").get(3) is State.AVAILABLE)
            (late / "go").touch()
            await comes_true(lambda: states(manager, "m")[2] is State.END)
            error = error_of(manager, "m", 2)
            assert error is not None
            assert (error.code.name, error.message) == (
                "CANCELLED",
                "Loading of servable cancelled",
            )
            assert loader.loaded["m", 2].closed.is_set()
            assert refusal(lambda: manager.acquire(spec("m", 2)))[0] == "NOT_FOUND"

    on_loop(body())


def test_a_version_that_waits_for_a_thread_and_is_outdated_is_not_loaded(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        options = dataclasses.replace(QUICK, num_load_threads=0)
        async with managed(config_of(base), options) as (manager, loader):
            slow = push(base, 2, "wait 2")
            await comes_true(lambda: ("m", 2) in loader.tries)
            push(base, 3, "3")
            await comes_true(lambda: states(manager, "m").get(3) is State.START)
            push(base, 4, "4")
            await comes_true(lambda: states(manager, "m").get(4) is State.START)
            (slow / "go").touch()
            await comes_true(lambda: states(manager, "m").get(4) is State.AVAILABLE)
            await comes_true(lambda: states(manager, "m").get(3) is State.END)
            assert ("m", 3) not in loader.tries

    on_loop(body())


def test_a_failed_version_whose_successor_is_taken_back_is_tried_again(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, _):
            two = push(base, 2, "fail once")
            await comes_true(lambda: states(manager, "m").get(2) is State.END)
            (two / "number").write_text("2")
            push(base, 3, "3")
            await comes_true(lambda: states(manager, "m").get(3) is State.AVAILABLE)
            shutil.rmtree(base / "3")
            await comes_true(lambda: states(manager, "m")[2] is State.AVAILABLE)
            assert error_of(manager, "m", 2) is None

    on_loop(body())
