"""Looks for orders in a folder, and writes there what this server has seen.

Reading and writing happen in a thread of their own, so that a disk that hangs holds up no request;
the orders that came before stay in force meanwhile. What is done with an order is for `conduct`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from serving.request_log.shard_names import plain_host
from serving.rollout import order as orders
from serving.rollout import report as reports
from serving.rollout.errors import RolloutError
from serving.rollout.order import Order
from serving.rollout.report import Report
from serving.server.rollouts.conduct import Conduct

_LOGGER = logging.getLogger(__name__)

LOOK_SEC = 0.1
REPORT_SEC = 0.25
ALIVE_SEC = 2.0
_LAST_SEC = 3.0

_Seen = tuple[int, int, int]
_Result = TypeVar("_Result")


def server_name(host: str, port: int) -> str:
    """Returns what a server is called in reports, before and after a restart.

    Args:
        host: The machine.
        port: Where it serves.
    """
    return f"{plain_host(host)}-{port}"


class OrderFile:
    """The order in a folder; tells when it has changed. Blocks, so not for the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: _Seen | None = None
        self.order: Order | None = None

    def look(self) -> bool:
        """Reads the order if it is another one; returns whether there is a new one, or none more.

        What cannot be read is logged once, and leaves the order as it is.
        """
        try:
            found = _stamp(self._folder / orders.FILE_NAME)
            if found == self._seen:
                return False
            # The stamp is the older of the two: what is replaced meanwhile is read again.
            self._seen = found
            order = orders.read(self._folder)
        except (OSError, RolloutError) as error:
            _LOGGER.error("the order before stays in force: %s", error)
            return False
        changed = order != self.order
        self.order = order
        return changed


def _stamp(path: Path) -> _Seen | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


class Follower:
    """Brings orders to a `Conduct` and its reports to disk; for the event loop.

    Args:
        folder: Where both are; it may be missing until there is an order.
        server: This server's name.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self._folder = folder
        self._server = server
        self._file = OrderFile(folder)
        self._thread = ThreadPoolExecutor(1, "rollout")
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._conduct: Conduct | None = None
        self._written: Report | None = None
        self._written_at = -math.inf
        self._complaint = ""

    async def first(self) -> Order | None:
        """Returns the order there is when the server starts."""
        await self._in_thread(self._file.look)
        return self._file.order

    async def start(self, conduct: Conduct) -> None:
        """Puts the first order in force, as far as this server had come with it, and follows."""
        self._conduct = conduct
        if self._file.order is not None:
            await self._apply(conduct)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work(conduct)) for work in (self._follow, _judge)]

    def wake(self) -> None:
        """Has a report written at once."""
        self._written_at = -math.inf
        self._wake.set()

    async def close(self) -> None:
        """Writes a last report and ends."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._conduct is not None:
            with contextlib.suppress(TimeoutError):  # of a disk that hangs
                async with asyncio.timeout(_LAST_SEC):
                    await self._report(self._conduct, most_sec=0.0)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, conduct: Conduct) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look(conduct)
            except Exception:
                _LOGGER.exception("a look at the order failed; going on")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SEC):
                    await self._wake.wait()

    async def _look(self, conduct: Conduct) -> None:
        if await self._in_thread(self._file.look):
            await self._apply(conduct)
        await self._report(conduct, most_sec=REPORT_SEC)

    async def _apply(self, conduct: Conduct) -> None:
        own = None
        if conduct.in_force is None:  # this server may have been at it before it was started anew
            own = await self._in_thread(lambda: reports.read(self._server, self._folder))
        conduct.apply(self._file.order, own)
        self._written_at = -math.inf

    async def _report(self, conduct: Conduct, *, most_sec: float) -> None:
        """Writes a report if it is time and something has changed, or as a sign of life."""
        now = asyncio.get_running_loop().time()
        if now - self._written_at < most_sec:
            return
        report = conduct.report()
        if report is None or (report == self._written and now - self._written_at < ALIVE_SEC):
            return
        # Before the thread is waited for: whoever wakes us meanwhile is not in this report.
        self._written, self._written_at = report, now
        complaint = await self._in_thread(lambda: self._write(report))
        if complaint and not self._complaint:
            _LOGGER.error("the report of this server cannot be written: %s", complaint)
        self._complaint = complaint

    def _write(self, report: Report) -> str:
        try:
            reports.write(report, self._folder)
        except OSError as error:
            return str(error)
        return ""

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _judge(conduct: Conduct) -> None:
    """Judges again and again, also while a disk hangs."""
    while True:
        await asyncio.sleep(LOOK_SEC)
        try:
            conduct.judge()
        except Exception:
            _LOGGER.exception("guards could not be judged; going on")
