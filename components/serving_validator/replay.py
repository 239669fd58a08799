"""Replays feeds against a server, compares the answers and measures how long calls take.

Percentiles are by nearest rank: the smallest value that at least that share of all values do not
exceed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from components.serving_validator.agreement import compare
from components.serving_validator.feeds import Feed
from components.serving_validator.verdict import NotServableError
from serving.client import Client, ClientError

Outputs = Mapping[str, np.ndarray]


class Replay:
    """Calls a model server, one call at a time.

    Attributes:
        largest_difference: The largest relative difference seen so far.
        latencies_sec: Of the calls of `singles`, in their order.
    """

    def __init__(
        self, client: Client, model: str, *, timeout_sec: float, clock: Callable[[], float]
    ) -> None:
        """Prepares to call.

        Args:
            client: Connected to the server; must not cast inputs.
            model: The model's name.
            timeout_sec: How long one call may take.
            clock: Returns seconds that only grow.
        """
        self._client = client
        self._model = model
        self._timeout_sec = timeout_sec
        self._clock = clock
        self.largest_difference = 0.0
        self.latencies_sec: list[float] = []

    def batch(self, feed: Feed, expected: Outputs) -> None:
        """Sends all examples of a feed in one request.

        Raises:
            NotServableError: The server does not answer, or with something else than expected.
        """
        self._compare(feed, expected, self._ask(feed), f"{len(feed)} examples at once")

    def singles(self, feed: Feed, expected: Sequence[Outputs]) -> None:
        """Sends each example of a feed in a request of its own, and measures.

        Raises:
            NotServableError: As `batch`.
        """
        for position, outputs in enumerate(expected):
            one = feed.only(position)
            began = self._clock()
            received = self._ask(one)
            self.latencies_sec.append(self._clock() - began)
            self._compare(one, outputs, received, f"example {position} alone")

    def _ask(self, feed: Feed) -> Outputs:
        try:
            return self._client.predict(
                self._model,
                dict(feed.inputs),
                signature=feed.signature,
                timeout_sec=self._timeout_sec,
            ).outputs
        except ClientError as error:
            raise NotServableError(
                f"Signature {feed.signature!r}: expected the server to answer a request of "
                f"{len(feed)} example(s) within {self._timeout_sec:g} s, "
                f"received {error.code.name}: {error.message}"
            ) from error

    def _compare(self, feed: Feed, expected: Outputs, received: Outputs, asked: str) -> None:
        found = compare(expected, received)
        self.largest_difference = max(self.largest_difference, found.largest)
        if not found.agrees:
            raise NotServableError(
                f"Signature {feed.signature!r} answers otherwise in the server than offline "
                f"({asked}): {found.mismatch}."
            )


def percentile(values: Sequence[float], share: float) -> float:
    """Returns a percentile by nearest rank.

    Args:
        values: At least one.
        share: Above 0 and up to 1; 0.5 for the median.
    """
    return sorted(values)[math.ceil(share * len(values)) - 1]
