"""When to send an alert by a channel, and when to give up: a pure function of the attempts so far.

An attempt is recorded before it is made. Where a process is killed in it, nobody knows whether the
alert went out. Such an attempt is in doubt, and the channel says what then: the log looks, a
webhook sends again under the same id (its receiver can tell), a command does not run again.

Recording and making attempts is left to `deliveries`.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from pipelines.continuous import moments
from pipelines.continuous.alerts import Alert


class DeliveryState(enum.Enum):
    """How an attempt to deliver stands."""

    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to deliver an alert by a channel.

    Attributes:
        number: From 1.
        state: How it stands.
        began_sec: Seconds since the epoch.
        ended_sec: Likewise; None while it is under way, or where its process was killed.
        error: Why it failed.
    """

    number: int
    state: DeliveryState
    began_sec: float
    ended_sec: float | None = None
    error: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How often, and for how long, delivery is tried.

    Attributes:
        first_wait_sec: From the first failure to the second attempt; doubled each time.
        longest_wait_sec: What the doubling stops at.
        max_attempts: After so many nothing more is tried.
        max_age_sec: Older alerts are not sent; so a channel that is new does not get old ones.
        in_doubt_after_sec: When an attempt that did not end is taken for killed; longer than any
            channel takes.
    """

    first_wait_sec: float = 10.0
    longest_wait_sec: float = 3_600.0
    max_attempts: int = 100  # more than fit into `max_age_sec`
    max_age_sec: float = 3 * 86_400.0
    in_doubt_after_sec: float = 120.0


class Step(enum.Enum):
    """What to do about an alert and a channel."""

    SEND = "SEND"
    WAIT = "WAIT"
    DONE = "DONE"
    GIVE_UP = "GIVE_UP"


def next_step(
    alert: Alert,
    attempts: Sequence[Attempt],
    *,
    now_sec: float,
    resend_in_doubt: bool,
    patience: Patience,
) -> tuple[Step, str]:
    """Returns what to do about an alert by one channel, and why.

    Args:
        alert: The alert.
        attempts: All attempts by that channel, by number.
        now_sec: The time, seconds since the epoch.
        resend_in_doubt: As the channel says.
        patience: How often, and for how long.
    """
    last = attempts[-1] if attempts else None
    if last is not None and last.state is DeliveryState.DELIVERED:
        return Step.DONE, ""
    if last is not None and last.state is DeliveryState.SENDING:
        if now_sec < last.began_sec + patience.in_doubt_after_sec:
            return Step.WAIT, "an attempt is under way"
        if not resend_in_doubt:
            return Step.GIVE_UP, "it may have gone out: its sender was killed"
    if now_sec > alert.raised_sec + patience.max_age_sec:
        return Step.GIVE_UP, f"it was raised at {moments.utc(alert.raised_sec)}, too long ago"
    return (Step.SEND, "") if last is None else _again(last, now_sec, patience)


def _again(last: Attempt, now_sec: float, patience: Patience) -> tuple[Step, str]:
    """Returns whether to try again after an attempt that failed or was killed."""
    if last.number >= patience.max_attempts:
        return Step.GIVE_UP, f"{last.number} attempts failed, the last: {last.error or 'killed'}"
    if last.ended_sec is None:
        return Step.SEND, ""
    # The exponent is bounded, as floats are.
    grown_sec = patience.first_wait_sec * 2.0 ** min(last.number - 1, 64)
    due_sec = last.ended_sec + min(grown_sec, patience.longest_wait_sec)
    if now_sec >= due_sec:
        return Step.SEND, ""
    due = moments.utc(due_sec)
    return Step.WAIT, f"attempt {last.number} failed ({last.error}); again at {due}"
