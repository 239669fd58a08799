"""Which time to look at: a window by its number, bounds, or the last window with any traffic. Pure.

--window 1h                    the last hour, by the clock, in which anything was served
--window 1h --span 498689      that hour, counted from 1970
--from T --to T                that time, to the second
--window 1d --from T --to T    that time, which has to be made of whole days
"""

from __future__ import annotations

import datetime

from components.prediction_log_example_gen import windows
from components.prediction_log_example_gen.windows import Range
from pipelines.errors import UsageError

DEFAULT_WINDOW = "1h"
_SECOND = "1s"


def seconds_of(text: str) -> int:
    """Reads a time: seconds since 1970, or ISO 8601, in UTC where it names no zone.

    Raises:
        UsageError: It is neither, or not on a whole second.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"expected a time such as 2026-11-21T16:00:00Z, or seconds since 1970, received "
            f"{text!r}"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    if moment.microsecond:
        raise UsageError(f"expected a time on a whole second, received {text!r}")
    return int(moment.timestamp())


def chosen(
    window: str | None,
    *,
    span: int | None,
    since: int | None,
    until: int | None,
    newest: int | None,
) -> Range | None:
    """Returns the time to look at, or None where the log holds nothing that would tell.

    Args:
        window: Length of a window, such as `"1h"`; None for the default.
        span: Number of a window.
        since: First second.
        until: The first second after the last.
        newest: When anything was served last.

    Raises:
        UsageError: The choices contradict each other, or make no sense.
    """
    if span is not None and (since is not None or until is not None):
        raise UsageError("--span names a window, --from and --to do so too: give one of them")
    try:
        if since is None and until is None:
            return _by_number(windows.seconds(window or DEFAULT_WINDOW), span, newest)
        length = windows.seconds(window or DEFAULT_WINDOW)
        since = until - length if since is None and until is not None else since
        until = since + length if until is None and since is not None else until
        assert since is not None
        assert until is not None
        return windows.between(windows.seconds(window or _SECOND), since, until)
    except ValueError as error:
        raise UsageError(str(error), remedy="See the examples of: ringway skew --help") from error


def before(period: Range) -> Range:
    """Returns the time of the same length just before.

    Raises:
        UsageError: That would be before 1970.
    """
    start = 2 * period.start_sec - period.end_sec
    if start < 0:
        raise UsageError("--against previous: there is no time of that length before")
    return windows.between(period.window_sec, start, period.start_sec)


def text_of(period: Range) -> str:
    """Returns a period in words, in UTC."""
    return f"{windows.as_text(period.start_sec)} to {windows.as_text(period.end_sec)}"


def _by_number(window_sec: int, span: int | None, newest: int | None) -> Range | None:
    if span is None and newest is None:
        return None
    number = span if span is not None else (newest or 0) // window_sec
    return windows.of_span(window_sec, number)
