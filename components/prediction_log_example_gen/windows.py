"""Windows of time, and their numbers as spans. Pure functions.

Window `n` of a length of `w` seconds goes from second `n * w` since 1970 (UTC) up to, and without,
second `(n + 1) * w`. Windows of a day are therefore days of UTC, numbered as stock ExampleGen
numbers the days of `{YYYY}-{MM}-{DD}`.
"""

from __future__ import annotations

import dataclasses
import datetime
import re

_LENGTH = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_LAST_SEC = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that dates can tell
_UNIT_SEC = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time made of whole windows.

    Attributes:
        window_sec: Length of a window in seconds.
        start_sec: Its first second, in seconds since 1970.
        end_sec: The first second after it.
    """

    window_sec: int
    start_sec: int
    end_sec: int

    @property
    def span(self) -> int:
        """The number of its first window."""
        return self.start_sec // self.window_sec

    def __contains__(self, second: float) -> bool:
        return self.start_sec <= second < self.end_sec


def seconds(window: str) -> int:
    """Returns the length of a window, such as `"30m"`, `"1h"` or `"1d"`, in seconds.

    Raises:
        ValueError: The text says no such length.
    """
    found = _LENGTH.fullmatch(window)
    if found is None:
        raise ValueError(
            "window: expected a whole number above 0 and a unit of s, m, h or d, such as '1h' or "
            f"'1d', received {window!r}"
        )
    return int(found[1]) * _UNIT_SEC[found[2]]


def of_span(window_sec: int, span: int) -> Range:
    """Returns the window of a number.

    Args:
        window_sec: Length of a window in seconds.
        span: Its number, 0 or more.

    Raises:
        ValueError: The number is negative.
    """
    if not 0 <= span < _LAST_SEC // window_sec:
        raise ValueError(
            f"span: expected a number of windows since 1970, below {_LAST_SEC // window_sec}, "
            f"received {span}"
        )
    return Range(window_sec, span * window_sec, (span + 1) * window_sec)


def between(window_sec: int, start_sec: int, end_sec: int) -> Range:
    """Returns the windows from one second to another.

    Args:
        window_sec: Length of a window in seconds.
        start_sec: In seconds since 1970, the start of a window.
        end_sec: The end of one.

    Raises:
        ValueError: They are no such bounds, or in the wrong order.
    """
    for name, second in (("start", start_sec), ("end", end_sec)):
        if second < 0 or second % window_sec:
            before = max(0, second // window_sec * window_sec)
            raise ValueError(
                f"{name}: expected the bound of a window of {window_sec} s, such as {before} or "
                f"{before + window_sec}, received {second}"
            )
    if end_sec > _LAST_SEC:
        raise ValueError(f"end: expected at most {_LAST_SEC}, in the year 9999, received {end_sec}")
    if start_sec >= end_sec:
        raise ValueError(f"end: expected a time after start ({start_sec}), received {end_sec}")
    return Range(window_sec, start_sec, end_sec)


def as_text(second: int) -> str:
    """Returns a time in UTC by ISO 8601, such as `2026-11-21T16:00:00Z`."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)  # noqa: DTZ001
    return moment.isoformat() + "Z"
