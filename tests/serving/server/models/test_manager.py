"""The life of versions, on real folders and with a real loader."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lifecycle_models import (
    NumberLoader,
    comes_true,
    config_of,
    on_loop,
    push,
    server_config,
    spec,
)

from serving.server.models import ManagerOptions, ModelManager, State
from serving.server.options import ServerOptions
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import GetModelStatusRequest

QUICK = ManagerOptions(
    poll_interval_sec=0.01, num_load_threads=2, max_load_retries=1, load_retry_interval_sec=0.01
)
PATIENT = dataclasses.replace(QUICK, max_load_retries=5, load_retry_interval_sec=3600)


@contextlib.asynccontextmanager
async def managed(
    config: Any, options: ManagerOptions = QUICK, **arguments: Any
) -> AsyncIterator[tuple[ModelManager, NumberLoader]]:
    loader = NumberLoader()
    manager = ModelManager(loader, options, **arguments)
    await manager.start(config)
    try:
        yield manager, loader
    finally:
        await manager.stop()


def number(manager: ModelManager, model_spec: Any) -> int:
    with manager.acquire(model_spec) as lease:
        return int(lease.servable.run("", {})["y"])


def states(manager: ModelManager, model: str) -> dict[int, State]:
    (view,) = (view for view in manager.models() if view.name == model)
    return {version.version: version.state for version in view.versions}


def error_of(manager: ModelManager, model: str, version: int) -> ServingError | None:
    (view,) = (view for view in manager.models() if view.name == model)
    return next(found.error for found in view.versions if found.version == version)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ServingError) as caught:
        call()
    return caught.value.code.name, caught.value.message


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


def test_a_reload_replaces_the_models_and_waits_for_new_ones(tmp_path):
    old, kept, new = (tmp_path / name for name in ("old", "kept", "new"))
    for base in (old, kept):
        push(base, 1, "1")
    slow = push(new, 1, "wait 5")

    async def body() -> None:
        async with managed(config_of(old, kept)) as (manager, loader):
            reload = asyncio.create_task(manager.reload(config_of(kept, new)))
            await comes_true(lambda: ("new", 1) in loader.tries)
            assert not reload.done()
            assert [view.name for view in manager.models()] == ["kept", "new"]
            assert refusal(lambda: manager.acquire(spec("old")))[0] == "NOT_FOUND"
            (slow / "go").touch()
            await reload
            assert number(manager, spec("new")) == 5
            assert loader.tries.count(("kept", 1)) == 1
            request = GetModelStatusRequest(model_spec=spec("old"))
            await comes_true(
                lambda: manager.status(request).model_version_status[0].state == State.END
            )
            await manager.reload(server_config("model_config_list {}"))
            assert manager.models() == []

    on_loop(body())


def test_a_reload_says_why_a_new_model_failed(tmp_path):
    push(tmp_path / "m", 1, "1")
    push(tmp_path / "n", 4, "fail wrong kind")

    async def body() -> None:
        async with managed(config_of(tmp_path / "m")) as (manager, _):
            with pytest.raises(ServingError) as caught:
                await manager.reload(config_of(tmp_path / "m", tmp_path / "n"))
            assert caught.value.code is StatusCode.UNKNOWN
            assert caught.value.message == (
                "1 model(s) did not become available: "
                "{{{name: n version: 4} due to error: INTERNAL: wrong kind}, }"
            )
            assert number(manager, spec("m")) == 1

    on_loop(body())


def test_a_later_reload_ends_one_that_waits_for_ever(tmp_path):
    push(tmp_path / "m", 1, "1")

    async def body() -> None:
        async with managed(config_of(tmp_path / "m")) as (manager, _):
            stuck = asyncio.create_task(
                manager.reload(config_of(tmp_path / "m", tmp_path / "missing"))
            )
            await asyncio.sleep(0.03)
            assert not stuck.done()
            await manager.reload(config_of(tmp_path / "m"))
            with pytest.raises(ServingError, match="no longer lists missing") as caught:
                await stuck
            assert caught.value.code is StatusCode.ABORTED

    on_loop(body())


def test_a_refused_reload_changes_nothing(tmp_path):
    push(tmp_path / "m", 1, "1")
    push(tmp_path / "n", 1, "1")

    def accept(configs: Any) -> None:
        if "n" in configs:
            raise ServingError(StatusCode.INVALID_ARGUMENT, "not n")

    async def body() -> None:
        async with managed(config_of(tmp_path / "m"), accept=accept) as (manager, loader):
            refused = [
                (config_of(tmp_path / "n"), "not n"),
                (config_of(tmp_path / "m", tmp_path / "m"), "multiple times"),
                (config_of(tmp_path / "m", more='version_labels { key: "a" value: 9 }'), "label"),
                (server_config(""), "Only ModelConfigList is currently supported"),
                (server_config("custom_model_config {}"), "Only ModelConfigList"),
            ]
            for config, reason in refused:
                with pytest.raises(ServingError, match=reason):
                    await manager.reload(config)
            assert [view.name for view in manager.models()] == ["m"]
            assert number(manager, spec("m")) == 1
            assert loader.tries == [("m", 1)]

    on_loop(body())


def test_a_reload_changes_the_policy_of_a_model_that_serves(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")
    push(base, 2, "2")

    async def body() -> None:
        async with managed(config_of(base)) as (manager, loader):
            one = "model_version_policy { specific { versions: 1 } }"
            await manager.reload(config_of(base, more=one))
            await comes_true(lambda: states(manager, "m").get(2) is State.END)
            await asyncio.sleep(0.05)  # the old policy is not asked any more
            assert states(manager, "m") == {2: State.END, 1: State.AVAILABLE}
            assert number(manager, spec("m")) == 1
            assert loader.tries == [("m", 2), ("m", 1)]

    on_loop(body())


def test_a_model_that_comes_back_while_it_unloads_is_loaded_anew_without_another_look(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")

    async def body() -> None:
        options = dataclasses.replace(QUICK, poll_interval_sec=0)
        async with managed(config_of(base), options) as (manager, loader):
            lease = manager.acquire(spec("m"))
            await manager.reload(server_config("model_config_list {}"))
            back = asyncio.create_task(manager.reload(config_of(base)))
            await asyncio.sleep(0.05)
            assert not back.done()
            lease.release()
            await back
            assert number(manager, spec("m")) == 1
            assert loader.tries == [("m", 1), ("m", 1)]

    on_loop(body())


BOTH = "model_version_policy { latest { num_versions: 2 } }"


def test_a_label_must_name_a_version_that_serves(tmp_path):
    base = tmp_path / "m"
    push(base, 1, "1")
    push(base, 2, "2")

    async def body() -> None:
        async with managed(config_of(base, more=BOTH)) as (manager, _):
            await comes_true(lambda: set(states(manager, "m").values()) == {State.AVAILABLE})
            stable = 'version_labels { key: "stable" value: 1 }'
            await manager.reload(config_of(base, more=BOTH + stable))
            with manager.acquire(spec("m", label="stable")) as lease:
                assert lease.version == 1
            with pytest.raises(ServingError) as caught:
                await manager.reload(config_of(base, more=BOTH + stable.replace("1", "3")))
            assert caught.value.code is StatusCode.FAILED_PRECONDITION
            assert caught.value.message == (
                "Request to assign label to version 3 of model m, "
                "which is not currently available for inference"
            )
            assert number(manager, spec("m", label="stable")) == 1
            await manager.reload(config_of(base, more=BOTH + stable.replace("1", "2")))
            assert number(manager, spec("m", label="stable")) == 2
            assert dict(manager.models()[0].labels) == {"stable": 2}
            await manager.reload(config_of(base, more=BOTH))
            with pytest.raises(ServingError, match="Unrecognized"):
                manager.acquire(spec("m", label="stable"))

    on_loop(body())


def test_a_label_at_the_start_needs_the_flag(tmp_path):
    push(tmp_path / "m", 1, "1")
    config = config_of(tmp_path / "m", more='version_labels { key: "stable" value: 1 }')

    async def refused() -> None:
        with pytest.raises(ServingError, match="not currently available"):
            await ModelManager(NumberLoader(), QUICK).start(config)

    async def allowed() -> None:
        options = dataclasses.replace(QUICK, allow_labels_for_unavailable=True)
        async with managed(config, options) as (manager, _):
            assert number(manager, spec("m", label="stable")) == 1
            moved = config_of(tmp_path / "m", more='version_labels { key: "stable" value: 2 }')
            with pytest.raises(ServingError, match="not currently available"):
                await manager.reload(moved)
            new = config_of(tmp_path / "m", more='version_labels { key: "canary" value: 2 }')
            await manager.reload(new)
            assert refusal(lambda: manager.acquire(spec("m", label="canary"))) == (
                "NOT_FOUND",
                "Servable not found for request: Specific(m, 2)",
            )

    on_loop(refused())
    on_loop(allowed())


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


def test_applying_what_is_in_force_does_nothing(tmp_path, caplog):
    push(tmp_path / "m", 1, "1")
    accepted: list[Any] = []

    async def body() -> None:
        async with managed(config_of(tmp_path / "m"), accept=accepted.append) as (manager, _):
            assert manager.apply(config_of(tmp_path / "m")) == ()
            with caplog.at_level(logging.INFO):
                assert manager.apply(server_config("")) == ()
            assert number(manager, spec("m")) == 1

    on_loop(body())
    assert len(accepted) == 1
    assert "nothing changes" in caplog.text


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
