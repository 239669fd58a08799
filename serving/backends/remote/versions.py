"""Which versions of a model a server behind has, and, where it may be told, which it shall have.

Its states are asked for again and again, so what is known of them is as old as `POLL_SEC`. A server
behind is told by a reload request, which names one model and so replaces all that it served: only
one that serves this model alone can be told. A version that is let go stays for some time, since
requests that were sent to it are on their way. Without a base path nothing is told, and the server
behind has to hold all versions itself.

One server is meant, not a name that stands for several. It is told again what it has lost: after a
restart, or where something else unloaded a version. Two things are the operator's: it must not read
its own configuration again (`--model_config_file_poll_wait_seconds` of 0, as is usual), since that
and what it is told here would undo each other; and a reload request as told here names no labels,
so `version_labels` that it was started with are gone, and requests that name one are refused there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from serving.backends.remote.plane import RemotePlane
from serving.data_plane import CallContext
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import GetModelStatusRequest, ReloadConfigRequest

_LOGGER = logging.getLogger(__name__)

POLL_SEC = 0.25
LINGER_SEC = 5.0
# What the server behind says about a version that it has just been told to load may be of old.
SETTLED_SEC = 3.0
_TOLD_AGAIN_SEC = 5.0
_TIMEOUT_SEC = 5.0
_RELOAD_TIMEOUT_SEC = 60.0
_AVAILABLE, _END = 30, 50  # ModelVersionStatus.State


class RemoteVersions:
    """The versions behind a `RemotePlane`; for the event loop.

    Args:
        plane: Asks the server behind.
        base_path: The model's folder as that server sees it; empty where it is not to be told.
        clock: Seconds, never going back.
    """

    def __init__(self, plane: RemotePlane, *, base_path: str, clock: Callable[[], float]) -> None:
        self._plane = plane
        self._base_path = base_path
        self._clock = clock
        self._model = ""
        self._wanted: tuple[int, ...] = ()
        self._lingering: dict[int, float] = {}
        self._pinned_at = 0.0
        self._told: tuple[int, ...] | None = None
        self._told_at = 0.0
        self._heard = False
        self._states: Mapping[int, tuple[int, str]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._complaint = ""

    async def start(self, pins: Mapping[str, Collection[int]]) -> None:
        """Looks for the first time, if the server behind answers, and goes on looking."""
        self.pin(pins)
        await self._look()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def pin(self, versions: Mapping[str, Collection[int]]) -> None:
        """Has these versions loaded behind; one model at most.

        Args:
            versions: Numbers by model, the one that shall answer for certain first.
        """
        model, wanted = next(iter(versions.items()), (self._model, ()))
        if model != self._model:
            self._states, self._lingering = None, {}
        wanted = tuple(wanted)
        if (model, wanted) == (self._model, self._wanted):
            return
        now = self._clock()
        gone = set(self._wanted) - set(wanted) if model == self._model else set()
        self._lingering |= dict.fromkeys(gone, now + LINGER_SEC)
        self._model, self._wanted, self._pinned_at = model, wanted, now

    def answers(self, model: str, version: int) -> bool:
        """Returns whether a version was available a moment ago."""
        if model != self._model:
            return False
        if self._states is None:  # nobody knows yet, and this one is the most likely
            return version in self._wanted[:1]
        return self._states.get(version, (0, ""))[0] == _AVAILABLE

    def available(self, model: str) -> tuple[int, ...]:
        """Returns the versions that were available a moment ago, in rising order."""
        states = self._states if model == self._model and self._states else {}
        return tuple(
            sorted(version for version, (state, _) in states.items() if state == _AVAILABLE)
        )

    def failure(self, model: str, version: int) -> str:
        """Returns why a pinned version ended without being available; empty while it may come."""
        if model != self._model or version not in self._wanted or not self._states:
            return ""
        if self._clock() - max(self._pinned_at, self._told_at) < SETTLED_SEC:
            return ""
        state, message = self._states.get(version, (0, ""))
        return message if state == _END else ""

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_SEC)
            try:
                await self._look()
            except Exception:
                _LOGGER.exception("a look at the versions behind failed; going on")

    async def _look(self) -> None:
        if not self._model:
            return
        try:
            await self._ask()
            if self._base_path:
                await self._tell()
        except ServingError as error:
            self._complain(error)
        else:
            self._complaint = ""

    async def _ask(self) -> None:
        model = self._model
        request = GetModelStatusRequest(model_spec={"name": model})
        context = CallContext("rollout", self._clock() + _TIMEOUT_SEC)
        try:
            response = await self._plane.get_model_status(request, context)
        except ServingError as error:
            if error.code != StatusCode.NOT_FOUND or not self._base_path:
                raise
            # It was started anew with another model, or with none: it has to be told.
            if model == self._model:
                self._states = None
            return
        if model == self._model:
            self._states = {
                each.version: (each.state, _message(each.status))
                for each in response.model_version_status
            }

    async def _tell(self) -> None:
        """Tells the server behind which versions to have, if it may not know."""
        now = self._clock()
        self._lingering = {v: end for v, end in self._lingering.items() if end > now}
        desired = tuple(sorted({*self._wanted, *self._lingering})) if self._wanted else ()
        if not desired and self._told is None:
            return  # it was never told anything, so there is nothing to take back
        known = self._heard and not any(map(self._is_lost, self._wanted))
        if desired == self._told and (known or now - self._told_at < _TOLD_AGAIN_SEC):
            return
        self._told, self._told_at, self._heard = desired, now, False
        request = ReloadConfigRequest()
        config = request.config.model_config_list.config.add(
            name=self._model, base_path=self._base_path, model_platform="tensorflow"
        )
        if desired:
            config.model_version_policy.specific.versions.extend(desired)
        context = CallContext("rollout", now + _RELOAD_TIMEOUT_SEC)
        response = await self._plane.reload_config(request, context)
        if response.status.error_code:
            raise ServingError(
                StatusCode(response.status.error_code), response.status.error_message
            )
        self._told_at, self._heard = self._clock(), True

    def _is_lost(self, version: int) -> bool:
        """Whether the server behind does not have a version, and not since it failed to load it."""
        state, message = (self._states or {}).get(version, (_END, ""))
        return state == _END and not message

    def _complain(self, error: ServingError) -> None:
        if error.message != self._complaint:
            _LOGGER.warning("the versions behind are not known at present: %s", error.message)
        self._complaint = error.message


def _message(status: object) -> str:
    code, message = getattr(status, "error_code", 0), getattr(status, "error_message", "")
    return f"{message or code}" if code else ""
