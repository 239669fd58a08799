"""What a batch thread does with a batch: drops whom nobody waits for, computes, splits, retries.

A batch that fails is computed again request by request, so that only the one at fault fails. A
signature whose outputs turn out not to have a row per row of input is computed request by request
from then on. Neither costs a caller anything but time.

Telling callers is for `serving.server.batching.scheduler`, on the event loop.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from serving.backends.servable import Servable
from serving.server.batching import merging
from serving.server.batching.options import BatchingOptions
from serving.server.batching.queues import Request
from serving.server.batching.reports import BatchReport
from serving.wire.errors import ServingError, StatusCode

_log = logging.getLogger(__name__)

Answer = dict[str, np.ndarray] | Exception


@dataclasses.dataclass(slots=True)
class Computed:
    """What became of a batch.

    Attributes:
        answers: One for each request of the batch, in no particular order.
        reports: One for each call of the model that succeeded.
    """

    answers: list[tuple[Request, Answer]] = dataclasses.field(default_factory=list)
    reports: list[BatchReport] = dataclasses.field(default_factory=list)


class Computer:
    """Computes batches of one loaded version; used from several threads at once.

    Args:
        servable: That computes.
        options: How requests are merged.
        clock: Seconds, as in the requests.

    Attributes:
        unsplittable: Signatures found to have outputs that cannot be split.
    """

    def __init__(
        self, servable: Servable, options: BatchingOptions, clock: Callable[[], float]
    ) -> None:
        self.unsplittable: set[str] = set()
        self._servable = servable
        self._options = options
        self._clock = clock

    def compute(self, signature: str, batch: Sequence[Request], *, merged: bool) -> Computed:
        """Computes a batch; never raises.

        Args:
            signature: Of all its requests.
            batch: In the order of arrival.
            merged: Whether rows may be joined and padded; otherwise each request runs by itself.
        """
        computed = Computed()
        requests = self._awaited(batch, computed)
        if not merged:
            self._each(signature, requests, computed, padded=False)
            return computed
        requests = self._fitting(requests, computed)
        if requests:
            self._together(signature, requests, computed)
        return computed

    def _awaited(self, batch: Sequence[Request], computed: Computed) -> list[Request]:
        """Drops requests that nobody waits for any more."""
        now = self._clock()
        awaited = []
        for request in batch:
            if request.future.cancelled():
                computed.answers.append((request, {}))
            elif request.deadline is not None and request.deadline <= now:
                computed.answers.append((request, _expired()))
            else:
                awaited.append(request)
        return awaited

    def _fitting(self, requests: list[Request], computed: Computed) -> list[Request]:
        """Drops requests that do not fit the first; without parameters none is queued with them."""
        if not self._options.from_file or len(requests) < 2:
            return requests
        padding = self._options.pad_variable_length_inputs
        fitting = requests[:1]
        for request in requests[1:]:
            error = merging.misfit(requests[0].inputs, request.inputs, padding=padding)
            if error is None:
                fitting.append(request)
            else:
                computed.answers.append((request, error))
        return fitting

    def _together(self, signature: str, requests: list[Request], computed: Computed) -> None:
        try:
            answers = self._call(signature, requests, computed)
        except Exception as error:  # noqa: BLE001  (whatever it is, its caller must hear)
            if len(requests) == 1:
                computed.answers.append((requests[0], _deliverable(error)))
                return
            _log.info(
                "A batch of %d requests for %s failed (%s); each is computed alone.",
                len(requests),
                signature,
                error,
            )
            self._each(signature, requests, computed, padded=True)
            return
        if answers is None:
            self._separate(signature, requests, computed)
        else:
            computed.answers += zip(requests, answers, strict=True)

    def _call(
        self, signature: str, requests: list[Request], computed: Computed, *, padded: bool = True
    ) -> list[dict[str, np.ndarray]] | None:
        """Returns the answers, or None where the outputs cannot be split."""
        started = self._clock()
        rows = sum(request.rows for request in requests)
        size = self._options.padded_size(rows) if padded else rows
        padding = self._options.pad_variable_length_inputs
        inputs = merging.join(requests, size, padding=padding)
        outputs = self._servable.run(signature, inputs, merging.wanted(requests))
        answers = _answers(requests, outputs, size)
        if answers is not None:
            computed.reports.append(
                BatchReport(
                    signature=signature,
                    rows=tuple([request.rows for request in requests]),
                    padded_rows=size - rows,
                    queue_time_sec=tuple([started - request.arrived for request in requests]),
                    run_time_sec=self._clock() - started,
                )
            )
        return answers

    def _separate(self, signature: str, requests: list[Request], computed: Computed) -> None:
        if signature not in self.unsplittable:
            self.unsplittable.add(signature)
            _log.warning(
                "Signature %s has an output without a row for each row of its inputs. Its requests "
                "are not merged any more.",
                signature,
            )
        self._each(signature, requests, computed, padded=False)

    def _each(
        self, signature: str, requests: Sequence[Request], computed: Computed, *, padded: bool
    ) -> None:
        for request in self._awaited(requests, computed):
            try:
                answers = self._call(signature, [request], computed, padded=padded)
            except Exception as error:  # noqa: BLE001  (whatever it is, its caller must hear)
                computed.answers.append((request, _deliverable(error)))
                continue
            if answers is None:
                self._separate(signature, [request], computed)
            else:
                computed.answers.append((request, answers[0]))


def _answers(
    requests: Sequence[Request], outputs: Mapping[str, np.ndarray], size: int
) -> list[dict[str, np.ndarray]] | None:
    if len(requests) == 1 and requests[0].rows == size:
        return [dict(outputs)]  # nothing to split, so the outputs may be anything
    return merging.split(requests, outputs) if merging.has_rows(outputs, size) else None


def _deliverable(error: Exception) -> Exception:
    """Returns the error as a future takes it: StopIteration is the one that it refuses."""
    return RuntimeError(repr(error)) if isinstance(error, StopIteration) else error


def _expired() -> ServingError:
    return ServingError(
        StatusCode.DEADLINE_EXCEEDED, "Run() timeout exceeded while waiting in batching queue"
    )
