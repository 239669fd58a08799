"""A model manager that runs, and what tests ask it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lifecycle_models import NumberLoader

from serving.server.models import ManagerOptions, ModelManager, State
from serving.wire.errors import ServingError

QUICK = ManagerOptions(
    poll_interval_sec=0.01, num_load_threads=2, max_load_retries=1, load_retry_interval_sec=0.01
)


@contextlib.asynccontextmanager
async def managed(
    config: Any, options: ManagerOptions = QUICK, **arguments: Any
) -> AsyncIterator[tuple[ModelManager, NumberLoader]]:
    """Yields a manager that has started, and its loader; it is stopped at the end."""
    loader = NumberLoader()
    manager = ModelManager(loader, options, **arguments)
    await manager.start(config)
    try:
        yield manager, loader
    finally:
        await manager.stop()


def number(manager: ModelManager, model_spec: Any) -> int:
    """Returns the number that a model computes."""
    with manager.acquire(model_spec) as lease:
        return int(lease.servable.run("", {})["y"])


def states(manager: ModelManager, model: str) -> dict[int, State]:
    """Returns the state of each version of a model."""
    (view,) = (view for view in manager.models() if view.name == model)
    return {version.version: version.state for version in view.versions}


def error_of(manager: ModelManager, model: str, version: int) -> ServingError | None:
    """Returns what a version failed by; None where it did not."""
    (view,) = (view for view in manager.models() if view.name == model)
    return next(found.error for found in view.versions if found.version == version)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """Returns the code and the message that a call fails with."""
    with pytest.raises(ServingError) as caught:
        call()
    return caught.value.code.name, caught.value.message
