"""Keeps alerts and attempts to deliver them in ML Metadata, and makes the attempts that are due.

Whatever a channel does, `deliver` goes on: a failure is recorded, counted, and tried again at a
later call. Nothing here sleeps. What is due is decided in `attempts`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys, unique_contexts
from pipelines.continuous.alerts import Alert, Channel, DeliveryError
from pipelines.continuous.attempts import Attempt, DeliveryState, Patience, Step, next_step
from pipelines.continuous.unique_contexts import number, text

_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What one call of `deliver` did, over all alerts and channels.

    Attributes:
        delivered: Alerts that went out now.
        failed: Attempts that failed now.
        waiting: Alerts that are tried again later.
        given_up: Alerts that are not, each with its channel and why.
    """

    delivered: int = 0
    failed: int = 0
    waiting: int = 0
    given_up: tuple[str, ...] = ()


def post(store: MetadataStore, alert: Alert, *, token: str) -> bool:
    """Keeps an alert; returns whether it was new.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    values: dict[str, unique_contexts.Value] = {
        keys.PIPELINE: alert.pipeline,
        keys.KIND: alert.kind,
        keys.SUBJECT: alert.subject,
        keys.TEXT: unique_contexts.cut(alert.text),
        keys.RAISED: float(alert.raised_sec),
    }
    name = f"{alert.pipeline}/{alert.id}"
    return unique_contexts.create(store, keys.ALERT_TYPE, name, values, token=token)


def posted(store: MetadataStore, pipeline: str) -> tuple[Alert, ...]:
    """Returns all alerts of a pipeline, the oldest first."""
    contexts = unique_contexts.of_pipeline(store, keys.ALERT_TYPE, pipeline)
    found = [
        Alert(
            pipeline=pipeline,
            kind=text(context, keys.KIND),
            subject=text(context, keys.SUBJECT),
            text=text(context, keys.TEXT),
            raised_sec=number(context, keys.RAISED) or 0.0,
        )
        for context in contexts
    ]
    return tuple(sorted(found, key=lambda alert: (alert.raised_sec, alert.id)))


def attempts_of(
    store: MetadataStore, pipeline: str
) -> Mapping[tuple[str, str], tuple[Attempt, ...]]:
    """Returns all attempts by number, by alert id and channel name."""
    found: defaultdict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for context in unique_contexts.of_pipeline(store, keys.DELIVERY_TYPE, pipeline):
        found[text(context, keys.ALERT_ID), text(context, keys.CHANNEL)].append(_attempt(context))
    return {key: tuple(sorted(some, key=lambda one: one.number)) for key, some in found.items()}


def deliver(
    store: MetadataStore,
    pipeline: str,
    channels: Iterable[Channel],
    *,
    clock: Callable[[], float],
    token: Callable[[], str],
    patience: Patience | None = None,
) -> Report:
    """Tries to deliver what is due.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        channels: Where alerts go; their names differ.
        clock: Tells the time, seconds since the epoch.
        token: Makes a text that is new with every call, such as a UUID.
        patience: How often, and for how long.

    Raises:
        MetadataError: ML Metadata does not take what was done.
    """
    patience = patience or Patience()
    alerts, known = posted(store, pipeline), attempts_of(store, pipeline)
    reports = [
        _Delivery(store, channel, patience, clock, token).work(alerts, known)
        for channel in channels
    ]
    return Report(
        delivered=sum(one.delivered for one in reports),
        failed=sum(one.failed for one in reports),
        waiting=sum(one.waiting for one in reports),
        given_up=tuple(text for one in reports for text in one.given_up),
    )


class _Delivery:
    """Delivers by one channel."""

    def __init__(
        self,
        store: MetadataStore,
        channel: Channel,
        patience: Patience,
        clock: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        self._store = store
        self._channel = channel
        self._patience = patience
        self._clock = clock
        self._token = token

    def work(
        self, alerts: Sequence[Alert], known: Mapping[tuple[str, str], tuple[Attempt, ...]]
    ) -> Report:
        """Delivers what is due, until one attempt fails: the others would wait as long for it."""
        delivered = failed = waiting = 0
        given_up = []
        for alert in alerts:
            tried = known.get((alert.id, self._channel.name), ())
            step, why = next_step(
                alert,
                tried,
                now_sec=self._clock(),
                resend_in_doubt=self._channel.resend_in_doubt,
                patience=self._patience,
            )
            if step is Step.GIVE_UP:
                given_up.append(f"{alert.id} by {self._channel.name}: {why}")
            elif step is Step.WAIT or (step is Step.SEND and failed):
                waiting += 1
            elif step is Step.SEND:
                outcome = self._attempt(alert, len(tried) + 1)
                delivered += outcome is DeliveryState.DELIVERED
                failed += outcome is DeliveryState.FAILED
                waiting += outcome is not DeliveryState.DELIVERED
        return Report(delivered=delivered, failed=failed, waiting=waiting, given_up=tuple(given_up))

    def _attempt(self, alert: Alert, attempt: int) -> DeliveryState:
        """Records an attempt, makes it, and records how it ended."""
        name = f"{alert.pipeline}/{alert.id}/{self._channel.name}/{attempt}"
        values: dict[str, unique_contexts.Value] = {
            keys.PIPELINE: alert.pipeline,
            keys.ALERT_ID: alert.id,
            keys.CHANNEL: self._channel.name,
            keys.ATTEMPT: attempt,
            keys.STATE: DeliveryState.SENDING.value,
            keys.BEGAN: float(self._clock()),
        }
        if not unique_contexts.create(
            self._store, keys.DELIVERY_TYPE, name, values, token=self._token()
        ):
            return DeliveryState.SENDING  # another watcher makes this attempt
        error = self._send(alert)
        state = DeliveryState.FAILED if error else DeliveryState.DELIVERED
        context = self._store.get_context_by_type_and_name(keys.DELIVERY_TYPE, name)
        unique_contexts.update(
            self._store,
            context,
            {
                keys.STATE: state.value,
                keys.ENDED: float(self._clock()),
                keys.ERROR: unique_contexts.cut(error),
            },
        )
        return state

    def _send(self, alert: Alert) -> str:
        """Returns why the alert did not go out; empty when it did."""
        try:
            self._channel.send(alert, now_sec=self._clock())
        except DeliveryError as error:
            reason = str(error) or "no reason given"
        except Exception as error:  # noqa: BLE001  (a channel's fault must not end the loop)
            reason = f"{type(error).__name__}: {error}"
        else:
            return ""
        _LOGGER.warning("alert %s did not go out by %s: %s", alert.id, self._channel.name, reason)
        return reason


def _attempt(context: proto.Context) -> Attempt:
    return Attempt(
        number=int(number(context, keys.ATTEMPT) or 0),
        state=DeliveryState(text(context, keys.STATE)),
        began_sec=number(context, keys.BEGAN) or 0.0,
        ended_sec=number(context, keys.ENDED),
        error=text(context, keys.ERROR),
    )
