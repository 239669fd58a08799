"""The models of this server: which are configured, which versions of them serve.

Joins the parts of this package. It looks into base paths at an interval, has versions loaded and
unloaded as they come and go, and gives requests a lease on the version they mean:

    manager = ModelManager(loader, options)
    await manager.start(config)          # returns when every model answers
    with manager.acquire(request.model_spec) as lease:
        lease.servable.run(...)

All is to be called on the event loop, save `acquire`, which any thread may call. Reading
configuration files is for `serving.server.config_files`; computing for the servables.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from serving.backends.servable import Loader
from serving.server.models import config as model_config
from serving.server.models.config import ModelConfig, Specific
from serving.server.models.lifecycle import Lifecycle, LoadOptions, OnChange, told
from serving.server.models.snapshot import Lease
from serving.server.models.states import State
from serving.server.models.watch import Watch
from serving.server.options import ServerOptions, schedulable_cpus
from serving.wire import errors
from serving.wire.errors import ServingError, StatusCode

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """How versions are found and loaded.

    Attributes:
        poll_interval_sec: Seconds between two looks into a base path; 0 for one look, negative for
            none.
        num_load_threads: Loads at a time; 0 is one.
        num_unload_threads: Unloads at a time; 0 is one.
        initial_load_threads: Loads at a time until `start` returns; 0 is four per core.
        max_load_retries: Tries after the first.
        load_retry_interval_sec: Pause before each of them; none if negative.
        allow_labels_for_unavailable: Whether a label not in use yet may name a version that does
            not serve yet.
    """

    poll_interval_sec: float = 1.0
    num_load_threads: int = 0
    num_unload_threads: int = 0
    initial_load_threads: int = 0
    max_load_retries: int = 5
    load_retry_interval_sec: float = 60.0
    allow_labels_for_unavailable: bool = False

    @classmethod
    def of(cls, options: ServerOptions) -> ManagerOptions:
        """Returns what the command line asks for."""
        return cls(
            poll_interval_sec=options.file_system_poll_wait_seconds,
            num_load_threads=options.num_load_threads,
            num_unload_threads=options.num_unload_threads,
            max_load_retries=options.max_num_load_retries,
            load_retry_interval_sec=options.load_retry_interval_micros / 1e6,
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )

    def load_options(self) -> LoadOptions:
        """Returns the part that concerns loading, with the special values resolved."""
        return LoadOptions(
            load_threads=max(self.num_load_threads, 1),
            initial_load_threads=self.initial_load_threads or 4 * schedulable_cpus(),
            unload_threads=max(self.num_unload_threads, 1),
            max_retries=max(self.max_load_retries, 0),
            retry_interval_sec=max(self.load_retry_interval_sec, 0.0),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class VersionView:
    """How a version is now.

    Attributes:
        version: Its number.
        state: How far it came.
        error: Why it ended without serving, or None.
    """

    version: int
    state: State
    error: ServingError | None


@dataclasses.dataclass(frozen=True, slots=True)
class ModelView:
    """How a configured model is now.

    Attributes:
        config: What is to be served.
        labels: Version numbers by label.
        versions: Its versions of now and of the past, the highest first.
    """

    config: ModelConfig
    labels: Mapping[str, int]
    versions: Sequence[VersionView]

    @property
    def name(self) -> str:
        """What requests call it."""
        return self.config.name


class ModelManager:
    """Serves versions of models; to be made on the event loop that it lives on.

    Args:
        loader: Loads a version; called in threads. What it returns is what leases give, and is
            closed in a thread when no call uses it any more.
        options: How to find and load.
        accept: Called with the models to serve before a new set takes effect; raises ServingError
            to refuse it, as for a bad logging_config.
    """

    def __init__(
        self,
        loader: Loader,
        options: ManagerOptions = ManagerOptions(),
        *,
        accept: Callable[[Mapping[str, ModelConfig]], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._accept = accept
        self._configs: dict[str, ModelConfig] = {}
        self._started = False
        self._arrived: set[str] = set()
        self._lifecycle = Lifecycle(loader, options.load_options())
        self._watch = Watch(options.poll_interval_sec, self._aspire)
        self._pins: dict[str, frozenset[int]] = {}
        self._firsts: dict[str, int] = {}

    def acquire(self, model_spec: Any) -> Lease:
        """Finds the version that a request means, and holds it until the lease is released.

        Args:
            model_spec: The message ModelSpec, or None where the request has none.

        Raises:
            ServingError: INVALID_ARGUMENT or NOT_FOUND, with TensorFlow Serving's texts.
        """
        while True:
            lease = self._lifecycle.snapshot.find(model_spec).lease()
            if lease is not None:
                return lease
            # It was withdrawn between the two calls, so a newer snapshot is in place already.

    def status(self, request: Any) -> Any:
        """Answers a GetModelStatusRequest with a GetModelStatusResponse.

        Raises:
            ServingError: INVALID_ARGUMENT or NOT_FOUND, with TensorFlow Serving's texts.
        """
        return self._lifecycle.states.response(request)

    def ready(self) -> bool:
        """Returns whether the start is over and each model that served once still does.

        A model that a later configuration adds does not count before it serves: waiting for it
        must not take a server that answers for the others out of service.
        """
        return self._started and all(map(self._serves, self._arrived & self._configs.keys()))

    def pin(self, versions: Mapping[str, Collection[int]]) -> None:
        """Has exactly these versions served, whatever the models' policies say.

        Versions that are new are loaded before others go. What is not found is waited for, and as
        long as none is found what serves keeps serving.

        Args:
            versions: Numbers by model, the one that shall answer for certain first: it is tried
                again soon when it fails to load. Models that are left out follow their policies.
        """
        pins = {model: frozenset(numbers) for model, numbers in versions.items()}
        self._firsts = {
            model: next(iter(numbers)) for model, numbers in versions.items() if numbers
        }
        self._lifecycle.urge(self._firsts)
        if pins != self._pins:
            self._pins = pins
            self._watch.set(self._pinned(self._configs))

    def answers(self, model: str, version: int) -> bool:
        """Returns whether a version can be acquired at this moment."""
        return (model, version) in self._lifecycle.snapshot.versions

    def available(self, model: str) -> tuple[int, ...]:
        """Returns the versions of a model that serve, in rising order."""
        return tuple(sorted(self._lifecycle.states.available(model)))

    def failure(self, model: str, version: int) -> str:
        """Returns why a version that should serve cannot be loaded; empty while it may be."""
        error = self._lifecycle.failure(model, version)
        return told(error) if error else ""

    async def settled(self, timeout_sec: float) -> bool:
        """Returns whether no pinned version is on its way any more, once that is so or time is up.

        A pin's first version is waited for until it serves or is given up, however long that takes
        and however often it is tried: requests that it should answer would go to another one.

        Args:
            timeout_sec: How long to wait for the others.
        """

        def arrived() -> bool:
            return not any(
                numbers & self._lifecycle.loading(model) for model, numbers in self._pins.items()
            )

        await self._lifecycle.until(
            lambda: not any(self._lifecycle.trying(*first) for first in self._firsts.items())
        )
        try:
            async with asyncio.timeout(timeout_sec):
                await self._lifecycle.until(arrived)
        except TimeoutError:
            return False
        return True

    def models(self) -> Sequence[ModelView]:
        """Returns the configured models, in the configuration's order."""
        return [self._view(config) for config in self._configs.values()]

    def subscribe(self, on_change: OnChange) -> None:
        """Has `on_change(model, version, state)` called on the loop at each change of state.

        When it hears AVAILABLE the version can be acquired; when it hears UNLOADING no more. What
        it raises is logged, not passed on.
        """
        self._lifecycle.subscribe(on_change)

    async def start(self, config: Any) -> None:
        """Serves the models of a ModelServerConfig; returns when each has a version that serves.

        Waits for as long as a base path or its versions are missing.

        Raises:
            ServingError: The configuration is refused, or UNKNOWN when all versions of a model
                failed to load.
        """
        new = self.apply(config)
        await self._arrival(new, "servable(s)")
        self._lifecycle.end_initial_load()
        self._started = True

    async def reload(self, config: Any) -> None:
        """Replaces the models by those of a ModelServerConfig; returns when the new ones serve.

        Raises:
            ServingError: The configuration is refused, and nothing changed; UNKNOWN when all
                versions of a new model failed to load; ABORTED when a later configuration took a
                new model away.
        """
        if config.WhichOneof("config") != "model_config_list":
            raise errors.invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        await self._arrival(self.apply(config), "model(s)")

    def apply(self, config: Any) -> Collection[str]:
        """Replaces the models without waiting for the new ones.

        Args:
            config: A ModelServerConfig; an empty one changes nothing.

        Returns:
            The names that were not served before.

        Raises:
            ServingError: The configuration is refused, and nothing changed.
        """
        configs = model_config.read(config, self._configs)
        if configs is None:
            _logger.info("The configuration is empty: nothing changes.")
            return ()
        labels = self._labels(configs)
        if configs == self._configs and labels == self._lifecycle.snapshot.labels:
            return ()
        self._accept(configs)
        old, self._configs = self._configs, configs
        self._lifecycle.label(labels)
        self._watch.set(self._pinned(configs))
        self._lifecycle.wake()
        return configs.keys() - old.keys()

    async def stop(self) -> None:
        """Stops looking for versions and unloads all, once their calls have ended."""
        self._started = False
        self._watch.close()
        await self._lifecycle.close()

    def _pinned(self, configs: Mapping[str, ModelConfig]) -> dict[str, ModelConfig]:
        return {
            name: dataclasses.replace(config, version_policy=Specific(self._pins[name]))
            if name in self._pins
            else config
            for name, config in configs.items()
        }

    def _aspire(self, model: str, folders: Mapping[int, Path]) -> None:
        pinned = self._pins.get(model)
        if pinned is not None and model in self._configs:
            held = self._lifecycle.folders(model)
            # A version that serves goes when the pin says so, not when its folder does.
            folders = {number: held[number] for number in pinned & held.keys()} | dict(folders)
            if not folders:
                return
        self._lifecycle.aspire(model, folders)

    def _serves(self, model: str) -> bool:
        return bool(self._lifecycle.states.available(model))

    def _view(self, config: ModelConfig) -> ModelView:
        statuses = self._lifecycle.states.of(config.name)
        versions = [VersionView(v, status.state, status.error) for v, status in statuses.items()]
        return ModelView(config, self._lifecycle.snapshot.labels.get(config.name, {}), versions)

    def _labels(self, configs: Mapping[str, ModelConfig]) -> dict[str, Mapping[str, int]]:
        return model_config.labels(
            configs,
            old=self._lifecycle.snapshot.labels,
            available={name: self._lifecycle.states.available(name) for name in configs},
            allow_unavailable=self._options.allow_labels_for_unavailable,
        )

    async def _arrival(self, models: Collection[str], noun: str) -> None:
        await self._lifecycle.until(lambda: all(map(self._decided, models)))
        removed = sorted(set(models) - self._configs.keys())
        if removed:
            raise ServingError(
                StatusCode.ABORTED,
                f"A later configuration no longer lists {', '.join(removed)}, which this one added",
            )
        failed = [
            f"{{{{name: {model} version: {version}}} due to error: {told(error)}}}, "
            for model in sorted(models)
            if not self._serves(model)
            for version, error in (self._lifecycle.failures(model) or {}).items()
        ]
        if failed:
            text = f"{len(failed)} {noun} did not become available: {{{''.join(failed)}}}"
            raise ServingError(StatusCode.UNKNOWN, text)
        self._arrived.update(models)

    def _decided(self, model: str) -> bool:
        return (
            model not in self._configs
            or self._serves(model)
            or self._lifecycle.failures(model) is not None
        )
