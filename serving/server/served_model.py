"""A loaded model version together with the scheduler that merges its requests.

Loading is for the backend's loader, merging for `serving.server.batching`; here they meet, so that
a version's queue begins and ends with the version.
"""

from __future__ import annotations

import asyncio
import dataclasses
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

OnBatch = Callable[[str, int, BatchReport], None]
OnLoad = Callable[[Path, float, BaseException | None], None]


class ServedModel:
    """A Servable whose calls can be merged.

    Args:
        servable: Computes.
        scheduler: Merges its calls.
        loop: The event loop that the schedulers are used on.
        background: Merges calls that nobody waits for, in threads of their own; None where there
            are none.

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
    ) -> None:
        self._servable = servable
        self._loop = loop
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

        A call whose caller went away holds no lease any more, but may still be computed.
        """
        for scheduler in {self.scheduler, self.background}:
            asyncio.run_coroutine_threadsafe(scheduler.close(), self._loop).result()
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
        background: Compute what nobody waits for; None where `threads` do.
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
    background: BatchThreads | None = None

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

        def scheduler(threads: BatchThreads) -> BatchScheduler:
            return BatchScheduler(
                servable,
                parameters=options,
                threads=threads,
                on_batch=lambda report: self.on_batch(model, version, report),
                max_pending_requests=self.max_pending_requests,
            )

        background = scheduler(self.background) if self.background else None
        return ServedModel(servable, scheduler(self.threads), self.loop, background)

    def _options(self, folder: Path) -> BatchingOptions:
        if not self.per_model:
            return self.batching
        return for_version(folder, default=self.batching, cpus=self.cpus)
