"""The event loop's side of batching: takes requests, and hands out what batch threads computed.

    loop:     run() -> queue -----------+            +--> futures
    threads:                            +-> compute -+   (one call back to the loop per batch)

While a batch is computed the next one gathers, so a lone caller never waits for company and many
callers share calls. Which requests may share one is decided here; forming batches is for
`queues`, computing them for `computing`, and when for `threads`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from serving.backends.servable import Servable
from serving.server.batching import merging
from serving.server.batching.computing import Computed, Computer
from serving.server.batching.options import BatchingOptions
from serving.server.batching.queues import Request, RequestQueue
from serving.server.batching.reports import BatchReport
from serving.server.batching.threads import BatchThreads
from serving.wire.errors import ServingError, StatusCode, invalid

_log = logging.getLogger(__name__)

MAX_PENDING_REQUESTS = 4096

# Callers choose the sizes of their tensors, and each new choice makes a queue.
_MAX_IDLE_QUEUES = 256

_Arrays = dict[str, np.ndarray]


class BatchScheduler:
    """Computes requests for one loaded version of a model, several at a time.

    Made in any thread; all else is for the event loop, always the same one.

    Args:
        servable: That computes; stays its owner's, who closes it after `close`.
        parameters: How requests are merged.
        threads: That compute, shared with other models.
        on_batch: Hears of every call of the model, on the event loop.
        max_pending_requests: Most requests accepted and not answered.
        withdraws: Whether a request whose caller gave up leaves the queue; else it is computed.
    """

    def __init__(
        self,
        servable: Servable,
        *,
        parameters: BatchingOptions,
        threads: BatchThreads,
        on_batch: Callable[[BatchReport], None],
        max_pending_requests: int = MAX_PENDING_REQUESTS,
        withdraws: bool = False,
    ) -> None:
        self._options = parameters
        # A request that runs alone is a batch that nothing joins and that nothing holds up.
        self._alone = BatchingOptions(max_batch_size=1)
        self._threads = threads
        self._on_batch = on_batch
        self._max_pending = max_pending_requests
        self._withdraws = withdraws
        self._computer = Computer(servable, parameters, threads.clock)
        self._names = {
            name: tuple(signature.inputs) if signature.batchable else None
            for name, signature in servable.signatures.items()
        }
        self._queues: dict[object, RequestQueue] = {}
        self._pending = 0
        self._closing = False
        self._drained: asyncio.Event | None = None

    @property
    def pending(self) -> int:
        """Requests accepted and not answered yet."""
        return self._pending

    async def run(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] = (),
        *,
        deadline: float | None = None,
    ) -> _Arrays:
        """Computes a signature, together with whoever else asks for it meanwhile.

        Args:
            signature: One of the servable's.
            inputs: Exactly its inputs; they must not change until this returns.
            outputs: Those wanted; none means all.
            deadline: The loop's time after which it is not worth computing, or None.

        Returns:
            The outputs by name, in part views of arrays shared with other requests: read only.

        Raises:
            ServingError: What the model raised; RESOURCE_EXHAUSTED with too many requests
                pending; DEADLINE_EXCEEDED; UNAVAILABLE after `close`, and with a full queue; in
                TensorFlow's words where parameters set a limit.
        """
        self._admit()
        rows, requests = self._place(signature, inputs)
        if requests.splits and rows > requests.room:
            return await self._run_in_parts(signature, requests, _Rows(inputs, outputs, deadline))
        return await self._submit(requests, rows, inputs, outputs, deadline)

    async def close(self) -> None:
        """Refuses new requests and waits until those accepted are answered."""
        self._closing = True
        for requests in self._queues.values():
            self._threads.hurry(requests)
        while self._pending:
            self._drained = asyncio.Event()
            await self._drained.wait()

    def _admit(self) -> None:
        if self._closing:
            raise ServingError(
                StatusCode.UNAVAILABLE, "This version of the model is being unloaded; try again."
            )
        if self._pending >= self._max_pending:
            raise ServingError(
                StatusCode.RESOURCE_EXHAUSTED,
                f"{self._pending} requests are pending for this model, the most that "
                f"--max_pending_requests={self._max_pending} allows; try again later.",
            )

    def _place(self, signature: str, inputs: Mapping[str, np.ndarray]) -> tuple[int, RequestQueue]:
        """Returns the rows of a request, and the queue of those that it may share a call with."""
        names = self._declared(signature)
        if names is None or signature in self._computer.unsplittable:
            return merging.leading_size(inputs), self._queue(signature, None)
        if self._options.from_file:
            merging.check_rows(inputs)
        found = merging.row_key(names, inputs)
        if found is None:
            return merging.leading_size(inputs), self._queue(signature, None)
        rows, key = found
        if not self._options.from_file:
            return rows, self._queue(signature, key)
        requests = self._queue(signature, ())
        requests.check(rows)
        return rows, requests

    def _declared(self, signature: str) -> tuple[str, ...] | None:
        try:
            return self._names[signature]
        except KeyError:
            raise invalid(
                f'Serving signature name: "{signature}" not found in signature def'
            ) from None

    def _queue(self, signature: str, key: object) -> RequestQueue:
        """Returns a queue; a key of None is for requests that run alone."""
        requests = self._queues.get((signature, key))
        if requests is None:
            if len(self._queues) >= _MAX_IDLE_QUEUES:
                self._queues = {k: q for k, q in self._queues.items() if not q.empty}
            requests = self._new_queue(signature, merged=key is not None)
            self._queues[signature, key] = requests
        return requests

    def _new_queue(self, signature: str, *, merged: bool) -> RequestQueue:
        loop = asyncio.get_running_loop()

        def compute(batch: list[Request]) -> None:
            computed = self._computer.compute(signature, batch, merged=merged)
            loop.call_soon_threadsafe(self._answer, computed)

        return RequestQueue(self._options if merged else self._alone, compute)

    def _submit(
        self,
        requests: RequestQueue,
        rows: int,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str],
        deadline: float | None,
    ) -> asyncio.Future[_Arrays]:
        future: asyncio.Future[_Arrays] = asyncio.get_running_loop().create_future()
        arrived = self._threads.clock()
        request = Request(inputs, outputs, rows, deadline, arrived, future)
        self._threads.submit(requests, request)
        self._pending += 1
        if self._withdraws:
            future.add_done_callback(lambda _: self._forget(requests, request))
        return future

    def _forget(self, requests: RequestQueue, request: Request) -> None:
        """Gives a request's place in the queue back if its caller gave up before its turn."""
        if request.future.cancelled() and self._threads.withdraw(requests, request):
            self._answered(1)

    async def _run_in_parts(self, signature: str, requests: RequestQueue, whole: _Rows) -> _Arrays:
        """Fills the open batch, and further ones with the rest."""
        parts = whole.parts(requests.room or self._options.largest_batch, self._options)
        answers = await asyncio.gather(
            *[
                self._submit(requests, rows, inputs, whole.outputs, whole.deadline)
                for rows, inputs in parts
            ]
        )
        if signature in self._computer.unsplittable or not merging.alike(answers):
            alone = self._queue(signature, None)
            rows = merging.leading_size(whole.inputs)
            return await self._submit(alone, rows, whole.inputs, whole.outputs, whole.deadline)
        return {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}

    def _answer(self, computed: Computed) -> None:
        for request, answer in computed.answers:
            future = request.future
            if future.done():  # its caller gave up
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        for report in computed.reports:
            self._tell(report)
        self._answered(len(computed.answers))

    def _answered(self, count: int) -> None:
        self._pending -= count
        if not self._pending and self._drained is not None:
            self._drained.set()

    def _tell(self, report: BatchReport) -> None:
        try:
            self._on_batch(report)
        except Exception:  # noqa: BLE001  (it is logged)
            # Whoever counts batches must not cost a request its answer.
            _log.exception("A batch could not be counted.")


@dataclasses.dataclass(frozen=True, slots=True)
class _Rows:
    """A request that may be too large for one batch."""

    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[str]
    deadline: float | None

    def parts(self, first: int, options: BatchingOptions) -> list[tuple[int, _Arrays]]:
        """Returns slices, the first of at most `first` rows, the others as large as allowed."""
        count = len(next(iter(self.inputs.values())))
        starts = [0, *range(first, count, options.largest_batch)]
        return [
            (stop - start, {name: array[start:stop] for name, array in self.inputs.items()})
            for start, stop in zip(starts, [*starts[1:], count], strict=True)
        ]
