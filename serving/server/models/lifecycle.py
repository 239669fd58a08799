"""Loads and unloads versions as `policy` decides, and keeps the snapshot that requests see.

Everything here runs on the event loop, so it needs no locks; only the loader and `close` of a
servable run in threads, since they block. One version's way:

    aspire -> START -> wait for a load thread -> LOADING -> AVAILABLE -> UNLOADING -> END
                                                    └ tried again, or given up: END with its error

A try that failed waits without a thread, so a newer version can load meanwhile. What is urgent is
tried again soon, for as long as all tries would take otherwise. A version that is no longer aspired
is not tried again; one that arrives too late is freed at once. Where versions come from is for
`serving.server.models.watch`, what they compute for the servables.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from serving.backends.servable import Loader, Servable
from serving.server.models.policy import Load, Phase, Unload, VersionSnapshot, next_action
from serving.server.models.snapshot import ServingVersion, Snapshot, snapshot
from serving.server.models.states import State, States, Status
from serving.wire.errors import ServingError, StatusCode

_logger = logging.getLogger(__name__)

_SOON_SEC = 1.0

OnChange = Callable[[str, int, State], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How loads are done.

    Attributes:
        load_threads: Loads at a time, at least 1.
        initial_load_threads: The same until `end_initial_load`.
        unload_threads: Unloads at a time, at least 1.
        max_retries: Tries after the first.
        retry_interval_sec: Pause before each of them, in seconds.
    """

    load_threads: int
    initial_load_threads: int
    unload_threads: int
    max_retries: int
    retry_interval_sec: float


@dataclasses.dataclass(eq=False, slots=True)
class _Version:
    model: str
    number: int
    folder: Path
    phase: Phase = Phase.NEW
    aspired: bool = True
    serving: ServingVersion | None = None
    stumbled: bool = False
    abandoned: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    idle: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class Lifecycle:
    """The versions of all models; to be used on one event loop.

    Attributes:
        states: What became of every version.
        snapshot: What requests see now.
    """

    def __init__(self, loader: Loader, options: LoadOptions) -> None:
        self.states = States()
        self.snapshot: Snapshot = snapshot([], {})
        self._loader = loader
        self._options = options
        self._listeners: list[OnChange] = []
        self._versions: dict[str, dict[int, _Version]] = {}
        self._aspired: dict[str, Mapping[int, Path]] = {}
        self._urgent: Mapping[str, int] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._load_slots = asyncio.Semaphore(options.initial_load_threads)
        self._load_threads = ThreadPoolExecutor(
            max(options.initial_load_threads, options.load_threads), "load"
        )
        self._unload_threads = ThreadPoolExecutor(options.unload_threads, "unload")

    def subscribe(self, listener: OnChange) -> None:
        """Has a listener called on the loop at each change of state; it must not block."""
        self._listeners.append(listener)

    def end_initial_load(self) -> None:
        """Loads with `load_threads` from now on; those under way go on."""
        self._load_slots = asyncio.Semaphore(self._options.load_threads)

    def label(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        """Has these labels name these versions from now on, by model."""
        self.snapshot = dataclasses.replace(self.snapshot, labels=labels)

    def aspire(self, model: str, folders: Mapping[int, Path]) -> None:
        """Sets which versions of a model should serve; the rest follows by itself."""
        self._aspired[model] = folders
        self._settle(model)

    def urge(self, versions: Mapping[str, int]) -> None:
        """Has these versions, one of a model at most, tried again soon when a load fails."""
        self._urgent = versions

    def trying(self, model: str, version: int) -> bool:
        """Returns whether a version may yet serve, also after tries that failed."""
        found = self._versions.get(model, {}).get(version)
        return found is not None and found.phase in {Phase.NEW, Phase.LOADING}

    def failures(self, model: str) -> Mapping[int, ServingError] | None:
        """Returns why all aspired versions of a model failed; None while one may still serve."""
        versions = self._versions.get(model, {})
        if not versions or any(v.phase is not Phase.FAILED for v in versions.values()):
            return None
        statuses = self.states.of(model)
        found = {number: statuses[number].error for number in versions if number in statuses}
        return {number: error for number, error in found.items() if error}

    def failure(self, model: str, version: int) -> ServingError | None:
        """Returns why a version that should serve was given up; None while it may still serve."""
        found = self._versions.get(model, {}).get(version)
        if found is None or found.phase is not Phase.FAILED:
            return None
        return self.states.of(model)[version].error

    def folders(self, model: str) -> Mapping[int, Path]:
        """Returns the folders of the versions of a model that are not given up, by number."""
        versions = self._versions.get(model, {})
        return {v.number: v.folder for v in versions.values() if v.phase is not Phase.UNLOADING}

    def loading(self, model: str) -> frozenset[int]:
        """Returns the versions of a model that may serve soon: no try to load them failed yet."""
        phases = (Phase.NEW, Phase.LOADING)
        return frozenset(
            version.number
            for version in self._versions.get(model, {}).values()
            if version.phase in phases and not version.stumbled
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when a condition on versions holds; it is looked at again at each change."""
        while not condition():
            await self._changed.wait()

    def wake(self) -> None:
        """Has those in `until` look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def close(self) -> None:
        """Unloads everything, once its calls have ended; waits for loads under way."""
        for model in list(self._versions):
            self.aspire(model, {})
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            self._load_threads.shutdown(wait=False, cancel_futures=True)
            self._unload_threads.shutdown(wait=False, cancel_futures=True)

    def _settle(self, model: str) -> None:
        """Brings a model's versions in line with those aspired, and does what the policy says."""
        versions = self._versions.setdefault(model, {})
        aspired = self._aspired.get(model, {})
        for version in list(versions.values()):
            self._mark(version, aspired=version.number in aspired)
        for number in sorted(aspired.keys() - versions.keys()):
            versions[number] = _Version(model, number, aspired[number])
            self._publish(versions[number], State.START)
        while action := next_action(_seen(versions)):
            self._act(versions[action.version], action)
        if not versions:
            del self._versions[model]
            self._aspired.pop(model, None)

    def _mark(self, version: _Version, *, aspired: bool) -> None:
        version.aspired = aspired
        if aspired:
            version.abandoned.clear()
            return
        version.abandoned.set()
        if version.phase in {Phase.NEW, Phase.FAILED}:
            del self._versions[version.model][version.number]

    def _act(self, version: _Version, action: Load | Unload) -> None:
        if isinstance(action, Load):
            version.phase = Phase.LOADING
            self._spawn(self._load(version))
        else:
            self._withdraw(version)
            self._spawn(self._unload(version))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, version: _Version) -> None:
        outcome: Servable | ServingError = _cancelled()
        retries, paused_sec = 0, 0.0
        while version.aspired:
            outcome = await self._try(version)
            if not version.aspired or not isinstance(outcome, ServingError):
                break
            version.stumbled = True
            self.wake()
            pause = self._pause_sec(version, retries, paused_sec)
            if pause is None:
                break
            await self._pause(version, pause)
            retries, paused_sec = retries + 1, paused_sec + pause
        if isinstance(outcome, ServingError):
            self._fail(version, outcome)
        elif version.aspired:
            self._serve(version, outcome)
        else:
            await self._close(version, outcome)
            self._fail(version, _cancelled())

    def _pause_sec(self, version: _Version, retries: int, paused_sec: float) -> float | None:
        """Returns how long to rest before the next try, or None where there is none."""
        usual, most = self._options.retry_interval_sec, self._options.max_retries
        if self._urgent.get(version.model) != version.number:
            return usual if retries < most else None
        soon = min(usual, _SOON_SEC)
        more = soon < usual and paused_sec + soon <= usual * most
        return soon if retries < most or more else None

    async def _pause(self, version: _Version, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await version.abandoned.wait()

    async def _try(self, version: _Version) -> Servable | ServingError:
        async with self._load_slots:
            if not version.aspired:
                return _cancelled()
            self._publish(version, State.LOADING)
            loop = asyncio.get_running_loop()
            outcome = await loop.run_in_executor(self._load_threads, self._call_loader, version)
        if isinstance(outcome, ServingError):
            _logger.error("Loading of %s failed: %s", _shown(version), told(outcome))
        return outcome

    def _call_loader(self, version: _Version) -> Servable | ServingError:
        try:
            return self._loader.load(version.model, version.number, version.folder)
        except ServingError as error:
            return error
        except Exception as error:  # the version fails, the server goes on
            _logger.exception("The loader broke on %s", _shown(version))
            return ServingError(StatusCode.INTERNAL, f"{type(error).__name__}: {error}")

    def _serve(self, version: _Version, servable: Servable) -> None:
        loop = asyncio.get_running_loop()
        version.phase = Phase.READY
        version.serving = ServingVersion(
            version.model, version.number, servable, lambda: _set(loop, version.idle)
        )
        self._refresh()
        self._publish(version, State.AVAILABLE)
        self._settle(version.model)

    def _fail(self, version: _Version, error: ServingError) -> None:
        version.phase = Phase.FAILED
        self._publish(version, State.END, error)
        self._settle(version.model)

    def _withdraw(self, version: _Version) -> None:
        version.phase = Phase.UNLOADING
        self._refresh()
        self._publish(version, State.UNLOADING)

    async def _unload(self, version: _Version) -> None:
        if version.serving is None:
            raise AssertionError(f"{_shown(version)} is unloaded, but was never loaded")
        version.serving.shut()
        await version.idle.wait()
        servable, version.serving = version.serving.servable, None
        await self._close(version, servable)
        del self._versions[version.model][version.number]
        self._publish(version, State.END)
        self._settle(version.model)

    async def _close(self, version: _Version, servable: Servable) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._unload_threads, servable.close)
        except Exception:
            _logger.exception("%s could not be freed", _shown(version))

    def _refresh(self) -> None:
        serving = (
            version.serving
            for versions in self._versions.values()
            for version in versions.values()
            if version.phase is Phase.READY and version.serving is not None
        )
        self.snapshot = snapshot(serving, self.snapshot.labels)

    def _publish(self, version: _Version, state: State, error: ServingError | None = None) -> None:
        self.states.set(version.model, version.number, Status(state, error))
        _logger.info("%s: %s%s", _shown(version), state.name, f" ({told(error)})" if error else "")
        for listener in self._listeners:
            try:
                listener(version.model, version.number, state)
            except Exception:
                _logger.exception("A listener failed on %s", _shown(version))
        self.wake()


def _seen(versions: Mapping[int, _Version]) -> list[VersionSnapshot]:
    return [VersionSnapshot(v.number, v.phase, v.aspired) for v in versions.values()]


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
        loop.call_soon_threadsafe(event.set)


def _cancelled() -> ServingError:
    return ServingError(StatusCode.CANCELLED, "Loading of servable cancelled")


def _shown(version: _Version) -> str:
    return f"model {version.model} version {version.number}"


def told(error: ServingError) -> str:
    """Returns an error as TensorFlow prints it: the code's name, then the message."""
    return f"{error.code.name}: {error.message}"
