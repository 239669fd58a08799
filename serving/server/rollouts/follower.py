"""Looks for orders in a folder, and writes there what this server has seen.

Reading and writing happen in a thread of their own, so that a disk that hangs holds up no request;
the orders that came before stay in force meanwhile. What is done with an order is for `conduct`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
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
from serving.wire.errors import ServingError, StatusCode

_LOGGER = logging.getLogger(__name__)

LOOK_SEC = 0.1
REPORT_SEC = 0.25
ALIVE_SEC = 2.0
FIRST_SEC = 10.0
_LAST_SEC = 3.0
_OLD_SEC = 24 * 3600.0

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
    """The order in a folder; tells when it has changed. Blocks, so not for the event loop.

    Attributes:
        order: The last one that could be read.
        problem: Why the one that is there cannot be; empty where it is known.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: _Seen | None = None
        self.order: Order | None = None
        self.problem = ""

    def look(self) -> bool:
        """Reads the order if it is another one; returns whether there is a new one, or none more.

        What cannot be read is logged once, and leaves the order as it is. Where the machine is to
        blame it is read again at the next look; what is no order is not until it is replaced.
        """
        found = self._seen
        try:
            found = _stamp(self._folder / orders.FILE_NAME)
            if found == self._seen:
                return False
            # The stamp is the older of the two: what is replaced meanwhile is read again.
            order = orders.read(self._folder)
        except OSError as error:
            self._complain(str(error))
            return False
        except RolloutError as error:
            self._seen = found
            self._complain(str(error))
            return False
        self._seen, self.problem = found, ""
        changed = order != self.order
        self.order = order
        return changed

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            _LOGGER.error("the order before stays in force: %s", problem)
        self.problem = problem


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
        self._looked = False

    async def first(self) -> Order | None:
        """Returns the order there is when the server starts; looks again if it cannot be read.

        Raises:
            ServingError: It is there and stays unreadable; FAILED_PRECONDITION. The newest version
                on disk may be one that was rolled back, so it is not taken for none.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SEC):
                while not self._looked or self._file.problem:
                    await self._in_thread(self._file.look)
                    self._looked = True
                    if self._file.problem:
                        await asyncio.sleep(LOOK_SEC)
        if self._looked and not self._file.problem:
            return self._file.order
        path = self._folder / orders.FILE_NAME
        raise ServingError(
            StatusCode.FAILED_PRECONDITION,
            f"The order could not be read within {FIRST_SEC:g} s: "
            f"{self._file.problem or f'{path}: the disk does not answer.'} Mend or remove it; "
            "without the file the newest version is served.",
        )

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
                    # The one before may not have come to disk.
                    self._written = None
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
        order = self._file.order
        found = await self._in_thread(lambda: reports.read_all(self._folder))
        own = None
        if conduct.in_force is None:  # this server may have been at it before it was started anew
            own = next((one for one, _ in found if one.server == self._server), None)
        conduct.apply(order, own, [one for one, _ in found])
        self._written_at = -math.inf
        named = order.plan.id if order and order.plan else ""
        await self._in_thread(lambda: self._tidy(named))

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

    def _tidy(self, rollout_id: str) -> None:
        """Removes what servers reported about other rollouts that are long gone."""
        try:
            reports.remove_old(
                self._folder, rollout_id=rollout_id, before_sec=time.time() - _OLD_SEC
            )
        except OSError as error:
            _LOGGER.warning("an old report cannot be removed: %s", error)

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
