"""Looks into the base paths of models at an interval, and tells which versions should serve.

Each model is looked at on its own, in a thread, so that a base path that hangs or is gone holds no
other model up. A base path that is gone is logged, and what serves keeps serving; one that is there
without versions is told as such. What to do about it is for `serving.server.models.lifecycle`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.server.models import storage
from serving.server.models.config import ModelConfig, Specific
from serving.wire.errors import ServingError

_logger = logging.getLogger(__name__)

_THREADS = 8


class Watch:
    """Watches the base paths of the configured models.

    Args:
        interval_sec: Seconds between two looks; 0 for one look, negative for none.
        on_versions: Called on the loop after each look that succeeded, with the model's name and
            the folders of the versions to serve, by number.
    """

    def __init__(
        self, interval_sec: float, on_versions: Callable[[str, Mapping[int, Path]], None]
    ) -> None:
        self._interval_sec = interval_sec
        self._on_versions = on_versions
        self._configs: Mapping[str, ModelConfig] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "list-versions")

    def set(self, configs: Mapping[str, ModelConfig]) -> None:
        """Watches these models from now on; looks at once for those that are new or changed."""
        old, self._configs = self._configs, configs
        for name in old.keys() - configs.keys():
            self._tasks.pop(name).cancel()
            self._problems.pop(name, None)
            self._on_versions(name, {})
        for name, config in configs.items():
            if config != old.get(name):
                self._start(config)

    def close(self) -> None:
        """Looks no more."""
        for task in self._tasks.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, config: ModelConfig) -> None:
        if config.name in self._tasks:
            self._tasks[config.name].cancel()
        task = asyncio.get_running_loop().create_task(self._watch(config))
        self._tasks[config.name] = task

    async def _watch(self, config: ModelConfig) -> None:
        if self._interval_sec < 0:
            return
        await self._look(config)
        while self._interval_sec > 0:
            await asyncio.sleep(self._interval_sec)
            await self._look(config)

    async def _look(self, config: ModelConfig) -> None:
        loop = asyncio.get_running_loop()
        try:
            folders = await loop.run_in_executor(
                self._threads, storage.find, config.name, config.base_path
            )
        except ServingError as error:
            self._note(config, error.message)
            return
        aspired = storage.aspired(folders, config.version_policy)
        self._note(config, shortage(config, aspired))
        self._on_versions(config.name, {version: folders[version] for version in aspired})

    def _note(self, config: ModelConfig, problem: str) -> None:
        """Logs a problem when it appears, not at each look."""
        if problem and problem != self._problems.get(config.name):
            _logger.error("%s", problem)
        self._problems[config.name] = problem


def shortage(config: ModelConfig, aspired: Collection[int]) -> str:
    """Returns what is missing in a base path that could be listed, or ""."""
    policy = config.version_policy
    missing = policy.versions.difference(aspired) if isinstance(policy, Specific) else ()
    if missing:
        return (
            f"Versions {', '.join(map(str, sorted(missing)))} of servable {config.name}, which its "
            f"version policy asks for, were not found under base path {config.base_path}"
        )
    if not aspired:
        return (
            f"No versions of servable {config.name} found under base path {config.base_path}. "
            "Is there a folder whose name is a number, like '1'?"
        )
    return ""
