"""A loaded model version together with the scheduler that merges its requests.

Loading is for the backend's loader, merging for `serving.server.batching`; here they meet, so that
a version's queue begins and ends with the version. So does the thread in which it computes what
nobody waits for: a version that hangs there holds up no other one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.backends.servable import Loader, Servable
from serving.server.batching.options import BatchingOptions, for_version
from serving.server.batching.reports import BatchReport
from serving.server.batching.scheduler import BatchScheduler
from serving.server.batching.threads import BatchThreads
from serving.wire.specs import Signature

_LOGGER = logging.getLogger(__name__)

# What a version still computes for callers that went away; a call that hangs is waited for aside.
CLOSE_SEC = 5.0

OnBatch = Callable[[str, int, BatchReport], None]
OnLoad = Callable[[Path, float, BaseException | None], None]


class ServedModel:
    """A Servable whose calls can be merged.

    Args:
        servable: Computes.
        scheduler: Merges its calls.
        loop: The event loop that the schedulers are used on.
        background: Merges calls that nobody waits for, in a thread of this version alone; None
            where there is none.
        thread: That thread, which ends with the version.

    Attributes:
        scheduler: Merges calls; what the event loop uses.
        background: Likewise for calls that nobody waits for.
    """

    def __init__(
        self,
        servable: Servable,
        scheduler: BatchScheduler,
        loop: asyncio.AbstractEventLoop,
        background: BatchScheduler | None = None,
        thread: BatchThreads | None = None,
    ) -> None:
        self._servable = servable
        self._loop = loop
        self._thread = thread
        self.scheduler = scheduler
        self.background = background or scheduler

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What can be called, by name."""
        return self._servable.signatures

    @property
    def signature_def_map(self) -> Any:
        """The message SignatureDefMap of the model."""
        return self._servable.signature_def_map

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Computes a signature alone, in the caller's thread."""
        return self._servable.run(signature, inputs, outputs)

    def close(self) -> None:
        """Gives the model's memory back; blocks, and is not for the loop's own thread.

        A call whose caller went away holds no lease any more, but may still be computed. One that
        does not end keeps the version's memory, and nothing else: the memory is given back if and
        when it ends.
        """
        drained = [
            asyncio.run_coroutine_threadsafe(scheduler.close(), self._loop)
            for scheduler in {self.scheduler, self.background}
        ]
        if not concurrent.futures.wait(drained, CLOSE_SEC).not_done:
            self._free(drained)
            return
        _LOGGER.error(
            "A call of a version that is unloaded did not end within %g s; the version keeps its "
            "memory until it does.",
            CLOSE_SEC,
        )
        threading.Thread(target=self._free, args=[drained], name="leaked", daemon=True).start()

    def _free(self, drained: Sequence[concurrent.futures.Future[None]]) -> None:
        try:
            for each in drained:
                each.result()
        except concurrent.futures.CancelledError:
            return  # the server ends while a call hangs
        if self._thread is not None:
            self._thread.close()
        self._servable.close()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class BatchingLoader:
    """Loads versions with another loader and gives each a scheduler.

    Attributes:
        loader: Loads and warms up.
        batching: How requests are merged where a version does not say so itself.
        per_model: Whether a version's `batching_params.pbtxt` counts.
        threads: Compute for all versions.
        loop: The event loop of the server.
        cpus: Cores of the machine, for defaults.
        max_pending_requests: Past it, requests of a version are shed.
        on_batch: Told of each batch, on the event loop.
        on_load: Told of each load: folder, seconds, and the error if it failed. In a load thread.
        background: Whether each version gets a thread of its own for what nobody waits for; else
            `threads` compute that too.
    """

    loader: Loader
    batching: BatchingOptions
    per_model: bool
    threads: BatchThreads
    loop: asyncio.AbstractEventLoop
    cpus: int
    max_pending_requests: int
    on_batch: OnBatch
    on_load: OnLoad
    background: bool = False

    def load(self, model: str, version: int, folder: Path) -> ServedModel:
        """Loads a version; raises what the loader raises."""
        start = time.monotonic()
        failure: BaseException | None = None
        try:
            options = self._options(folder)
            servable = self.loader.load(model, version, folder)
        except BaseException as error:
            failure = error
            raise
        finally:
            self.on_load(folder, time.monotonic() - start, failure)

        def scheduler(threads: BatchThreads, *, withdraws: bool = False) -> BatchScheduler:
            return BatchScheduler(
                servable,
                parameters=options,
                threads=threads,
                on_batch=lambda report: self.on_batch(model, version, report),
                max_pending_requests=self.max_pending_requests,
                withdraws=withdraws,
            )

        # One thread: a version that is slow at what nobody waits for takes one core at most.
        thread = BatchThreads(1, name="background") if self.background else None
        background = scheduler(thread, withdraws=True) if thread else None
        return ServedModel(servable, scheduler(self.threads), self.loop, background, thread)

    def _options(self, folder: Path) -> BatchingOptions:
        if not self.per_model:
            return self.batching
        return for_version(folder, default=self.batching, cpus=self.cpus)
