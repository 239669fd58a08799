"""Which windows of requests are over and can be judged: pure functions of the time.

    |--- 2013-02-05..2013-02-12 ---|--- 2013-02-12..2013-02-19 ---|
                                   +settle: skew is judged
                                   +max delay of labels: performance is judged

Windows follow each other without gaps from an anchor on, so that every process cuts the same ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from pipelines.continuous import moments

# Of windows that nobody judged, those further back are left: a loop that is started late looks at
# what is served now, not at the whole past.
MAX_BACKLOG = 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """Time from its start up to, but without, its end; both in whole seconds since 1970."""

    start_sec: int
    end_sec: int

    @property
    def name(self) -> str:
        """Names it; days where it is made of whole days, else times."""
        return f"{_text(self.start_sec, self)}..{_text(self.end_sec, self)}"


def to_judge(
    *,
    first_sec: float,
    now_sec: float,
    after_sec: float,
    length_sec: int,
    anchor_sec: int,
    judged: Collection[str],
) -> tuple[Window, ...]:
    """Returns the windows that are to be judged now, the oldest first.

    Args:
        first_sec: When the first request came.
        now_sec: The time.
        after_sec: How long after its end a window can be judged.
        length_sec: Of a window, at least 1.
        anchor_sec: Where a window begins.
        judged: Names of windows that were judged.
    """
    first = int((first_sec - anchor_sec) // length_sec)
    # Half open: a window that ends at 12:00 is over at 12:00.
    last = int((now_sec - after_sec - anchor_sec) // length_sec) - 1
    windows = (
        _window(number, length_sec, anchor_sec)
        for number in range(max(first, last - MAX_BACKLOG + 1), last + 1)
    )
    return tuple(window for window in windows if window.name not in judged)


def _window(number: int, length_sec: int, anchor_sec: int) -> Window:
    start_sec = anchor_sec + number * length_sec
    return Window(start_sec=start_sec, end_sec=start_sec + length_sec)


def _text(at_sec: int, window: Window) -> str:
    whole_days = window.start_sec % moments.DAY_SEC == window.end_sec % moments.DAY_SEC == 0
    text = moments.utc(at_sec)
    return text[: len("2013-02-05")] if whole_days else text
