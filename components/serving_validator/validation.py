"""Validates a SavedModel for serving, step by step. Artifacts are left to the executor.

1.  What can be asked: feeds for the model's signatures are made of examples.
2.  The model gets warm-up requests.
3.  The server starts, with the model as it is going to be pushed, warm-up included. Meanwhile
4.  both of TensorFlow's loaders compute the same feeds, and have to agree.
5.  The server is sent the same feeds, and has to agree with what was computed offline.
6.  Single calls may have to keep a bound on their latency.

The first step that fails ends it. Nothing compared is no pass.

Answers are compared with those to the very same request, a batch with a batch and a single example
with a single one: how many rows a request has decides the order in which TensorFlow adds.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from components.serving_validator import warm_up
from components.serving_validator.agreement import compare
from components.serving_validator.feeds import Feed, make_feeds
from components.serving_validator.offline import (
    Computation,
    LoadedByTF1,
    LoadedByTF2,
    read_signatures,
)
from components.serving_validator.replay import Outputs, Replay, percentile
from components.serving_validator.server_process import ServerProcess
from components.serving_validator.verdict import NotServableError, Verdict
from serving.client import Client
from serving.wire.signatures import DEFAULT_SIGNATURE

_LOGGER = logging.getLogger(__name__)
_MILLISECONDS = 1000.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """What a model is held to.

    Attributes:
        model_name: The name to serve it under.
        server: Import path of the module that is run as the server.
        start_timeout_sec: How long the server may take to load the model.
        call_timeout_sec: How long it may take to answer one call.
        max_p99_ms: Bound of the 99th percentile of single calls; None for none.
    """

    model_name: str
    server: str = "serving.server.program"
    start_timeout_sec: float = 120.0
    call_timeout_sec: float = 30.0
    max_p99_ms: float | None = None


def validate(
    folder: Path,
    examples: Sequence[bytes],
    terms: Terms,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict:
    """Returns whether a SavedModel may be pushed.

    Args:
        folder: The SavedModel's; warm-up requests are written into it.
        examples: Serialized tf.Examples, as callers would send them.
        terms: What it is held to.
        clock: Returns seconds that only grow.

    Returns:
        The verdict, with the cause where the model must not be pushed. What is wrong with the model
        is never raised.
    """
    validation = _Validation(folder, examples, terms, clock)
    try:
        validation.run()
    except NotServableError as refusal:
        return validation.verdict(cause=str(refusal))
    return validation.verdict(cause="")


@dataclasses.dataclass(frozen=True)
class _Answers:
    """What was computed offline."""

    batches: Sequence[tuple[Feed, Outputs]]
    primary: Feed
    singles: Sequence[Outputs]


class _Validation:
    def __init__(
        self,
        folder: Path,
        examples: Sequence[bytes],
        terms: Terms,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._examples = examples
        self._terms = terms
        self._clock = clock
        self._feeds: Sequence[Feed] = ()
        self._known: dict[str, Any] = {}

    def run(self) -> None:
        self._feeds = self._make_feeds()
        warm_up.write(self._folder, self._terms.model_name, self._feeds)
        terms = self._terms
        with ServerProcess(
            self._folder,
            terms.model_name,
            module=terms.server,
            start_timeout_sec=terms.start_timeout_sec,
        ) as server:
            answers = self._compute_offline()
            try:
                server.wait_until_ready()
                self._ask(server, answers)
            except NotServableError:
                _LOGGER.error("The model server's last lines:\n%s", server.tail())
                raise
        self._judge_latency()

    def verdict(self, cause: str) -> Verdict:
        return Verdict(cause=cause, **self._known)

    def _make_feeds(self) -> Sequence[Feed]:
        if not self._examples:
            raise NotServableError(
                "Nothing was compared: expected at least one example to replay, received none. "
                "Check that the split has examples."
            )
        signatures, left_out = read_signatures(self._folder)
        try:
            feeds, unfed = make_feeds(signatures, self._examples)
        except DecodeError as error:
            raise ValueError(
                f"Expected examples as tf.Example, received others: {error}"
            ) from error
        left_out |= unfed
        self._known["left_out"] = tuple(sorted(left_out.items()))
        for name, reason in left_out.items():
            _LOGGER.warning("signature %r is not compared: %s", name, reason)
        if not feeds:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in left_out.items())
            raise NotServableError(
                "Nothing was compared: expected a signature that takes serialized examples or "
                f"columns of them, received {reasons or 'a model without signatures'}."
            )
        return feeds

    def _compute_offline(self) -> _Answers:
        by_tf2 = self._batches(LoadedByTF2(self._folder))
        with LoadedByTF1(self._folder) as model:
            by_tf1 = self._batches(model)
            for feed, ours, theirs in zip(self._feeds, by_tf2, by_tf1, strict=True):
                self._agree(feed, ours, theirs)
            self._known["signatures"] = tuple(feed.signature for feed in self._feeds)
            primary = _primary(self._feeds)
            singles = [model.run(primary.only(place)) for place in range(len(primary))]
        return _Answers(list(zip(self._feeds, by_tf1, strict=True)), primary, singles)

    def _batches(self, model: Computation) -> list[Outputs]:
        return [model.run(feed) for feed in self._feeds]

    def _agree(self, feed: Feed, by_tf2: Outputs, by_tf1: Outputs) -> None:
        found = compare(by_tf2, by_tf1)
        self._note_difference(found.largest)
        if not found.agrees:
            raise NotServableError(
                f"Signature {feed.signature!r} answers otherwise when loaded with TensorFlow 1's "
                f"loader, which TensorFlow Serving follows, than with tf.saved_model.load: "
                f"{found.mismatch}."
            )

    def _ask(self, server: ServerProcess, answers: _Answers) -> None:
        terms = self._terms
        with Client(server.address, cast_inputs=False) as client:
            replay = Replay(
                client, terms.model_name, timeout_sec=terms.call_timeout_sec, clock=self._clock
            )
            try:
                for feed, expected in answers.batches:
                    replay.batch(feed, expected)
                replay.singles(answers.primary, answers.singles)
            finally:
                self._note_difference(replay.largest_difference)
                self._note_latencies(replay.latencies_sec)

    def _note_difference(self, largest: float) -> None:
        earlier = self._known.get("max_relative_difference", 0.0)
        self._known["max_relative_difference"] = max(earlier, largest)

    def _note_latencies(self, seconds: Sequence[float]) -> None:
        self._known["examples"] = len(seconds)
        if seconds:
            self._known["p50_ms"] = percentile(seconds, 0.5) * _MILLISECONDS
            self._known["p99_ms"] = percentile(seconds, 0.99) * _MILLISECONDS

    def _judge_latency(self) -> None:
        bound, measured = self._terms.max_p99_ms, self._known["p99_ms"]
        if bound is not None and measured > bound:
            raise NotServableError(
                f"Single calls are too slow: expected the 99th percentile to be at most "
                f"{bound:g} ms, received {measured:.1f} ms over {self._known['examples']} calls."
            )


def _primary(feeds: Sequence[Feed]) -> Feed:
    named = {feed.signature: feed for feed in feeds}
    return named.get(DEFAULT_SIGNATURE, feeds[0])
