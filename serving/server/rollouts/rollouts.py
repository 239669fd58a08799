"""A server's rollouts as a whole: puts the parts together in front of a backend, and ends them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from serving.backends.remote.plane import RemotePlane
from serving.backends.remote.versions import RemoteVersions
from serving.data_plane import DataPlane
from serving.monitoring.metrics import ServerMetrics
from serving.server.options import ServerOptions
from serving.server.request_logs import RequestLogs
from serving.server.rollouts.background import Background
from serving.server.rollouts.conduct import Conduct
from serving.server.rollouts.follower import Follower, server_name
from serving.server.rollouts.plane import RolloutPlane
from serving.server.rollouts.versions import Versions


class Rollouts:
    """Carries out the orders in a folder; to be made, used and closed in one event loop.

    Args:
        options: The command line.
        metrics: Are told of both arms.
        logs: Get what shadows answer.
        now: The time that everybody agrees on, in seconds since 1970.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        metrics: ServerMetrics,
        logs: RequestLogs,
        now: Callable[[], float],
    ) -> None:
        self._options = options
        self._metrics = metrics
        self._logs = logs
        self._now = now
        port = options.port or options.rest_api_port
        self._server = server_name(socket.gethostname(), port)
        self._follower = Follower(Path(options.rollout_dir), self._server)
        self._background = Background()
        self._pins: dict[str, Collection[int]] = {}
        self._close_versions: Callable[[], Awaitable[None]] | None = None

    async def first(self) -> Mapping[str, Collection[int]]:
        """Returns which versions the order wants that is there at the start, by model.

        Raises:
            ServingError: An order is there that cannot be read.
        """
        order = await self._follower.first()
        self._pins = {order.model: order.versions} if order else {}
        return self._pins

    async def before(self, plane: DataPlane, versions: Versions) -> DataPlane:
        """Returns a plane that deals requests, in front of one that answers them.

        Args:
            plane: Answers.
            versions: Those that it has.
        """
        conduct = Conduct(
            self._server,
            versions,
            metrics=self._metrics,
            now=self._now,
            elapsed=time.monotonic,
            on_broken=self._follower.wake,
        )
        await self._follower.start(conduct)
        return RolloutPlane(
            plane=plane,
            conduct=conduct,
            versions=versions,
            background=self._background,
            logs=self._logs,
            metrics=self._metrics,
            output=self._options.rollout_prediction_output,
            clock=time.monotonic,
        )

    async def before_remote(self, remote: RemotePlane) -> DataPlane:
        """As `before`, in front of a server behind."""
        versions = RemoteVersions(
            remote,
            base_path=self._options.backend_model_base_path,
            clock=asyncio.get_running_loop().time,
        )
        self._close_versions = versions.close
        await versions.start(self._pins)
        return await self.before(remote, versions)

    async def close(self) -> None:
        """Ends what runs in the background and writes a last report."""
        try:
            await self._background.close()
        finally:
            await self._follower.close()
            if self._close_versions is not None:
                await self._close_versions()
