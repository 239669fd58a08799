"""Another config while models are served: their list, policies and labels."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Any

import pytest
from lifecycle_models import NumberLoader, comes_true, config_of, on_loop, push, server_config, spec
from model_managers import QUICK, managed, number, refusal, states

from serving.server.models import ModelManager, State
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import GetModelStatusRequest


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
