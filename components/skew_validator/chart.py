"""Two histograms over each other, as the numbers of a picture. Pure; the template draws them.

Each bin has a wide bar for training and, in front of it, a narrow one for serving, so that neither
hides the other and nobody needs colours to tell them apart.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

from components.skew_validator.findings import Histogram

# More bins than this make a picture that nobody reads; the last ones are put into one.
MOST_BINS: Final = 80

_LEFT, _TOP, _HEIGHT = 46.0, 10.0, 170.0
_SLANTED_LEFT = 80.0  # the first label ends at its bin and begins to the left of it
_LABEL_ROOM = 86.0
_WIDTH = 640.0
_NARROWEST = 20.0  # of a bin; with more of them the picture grows and is scrolled
_WIDE, _SLIM = 0.82, 0.40  # shares of a bin's width
_LABEL_LENGTH = 16
_LETTER = 6.4  # width of one at 11 px


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """One bin.

    Attributes:
        middle: Of the bin, on the horizontal axis.
        training_x: Left edge of training's bar, likewise for the others.
        training_y: Its top.
        training_height: Its height.
        training: The share it stands for.
        label: The bin's name, short enough to be drawn.
        full_label: The whole name.
    """

    middle: float
    training_x: float
    training_y: float
    training_height: float
    training: float
    serving_x: float
    serving_y: float
    serving_height: float
    serving: float
    label: str
    full_label: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture of two histograms, in pixels."""

    width: float
    height: float
    left: float
    base: float
    training_width: float
    serving_width: float
    slanted: bool
    bars: tuple[Bar, ...]
    grid: tuple[tuple[float, float], ...]


def draw(histogram: Histogram) -> Chart | None:
    """Returns the picture of a histogram; None where there is nothing to draw.

    Shares that are no numbers, or below 0, are drawn as 0.
    """
    bins = _capped(
        [
            (label, _share(training), _share(serving))
            for label, training, serving in zip(
                histogram.labels, histogram.training, histogram.serving, strict=False
            )
        ]
    )
    highest = max((max(training, serving) for _, training, serving in bins), default=0.0)
    if highest <= 0:
        return None
    step = _step(highest)
    top = step * math.ceil(highest / step - 1e-9)
    width = max((_WIDTH - _LEFT) / max(len(bins), 8), _NARROWEST)
    base = _TOP + _HEIGHT
    slanted = any(len(_short(label)) * _LETTER > width for label, _, _ in bins)
    start = _SLANTED_LEFT if slanted else _LEFT
    bars = []
    for place, (label, training, serving) in enumerate(bins):
        left = start + place * width
        heights = [_HEIGHT * share / top for share in (training, serving)]
        bars.append(
            Bar(
                middle=left + width / 2,
                training_x=left + width * (1 - _WIDE) / 2,
                training_y=base - heights[0],
                training_height=heights[0],
                training=training,
                serving_x=left + width * (1 - _SLIM) / 2,
                serving_y=base - heights[1],
                serving_height=heights[1],
                serving=serving,
                label=_short(label),
                full_label=label,
            )
        )
    lines = round(top / step)
    return Chart(
        width=max(start + len(bins) * width + 8, 260.0),
        height=base + (_LABEL_ROOM if slanted else 24.0),
        left=start,
        base=base,
        training_width=width * _WIDE,
        serving_width=width * _SLIM,
        slanted=slanted,
        bars=tuple(bars),
        grid=tuple((step * n, base - _HEIGHT * step * n / top) for n in range(lines + 1)),
    )


def _share(share: float) -> float:
    return share if math.isfinite(share) and share > 0 else 0.0


def _capped(bins: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    if len(bins) <= MOST_BINS:
        return bins
    # Those of missing values and NaN stand at the end, and tell most.
    kept, rest, last = bins[: MOST_BINS - 3], bins[MOST_BINS - 3 : -2], bins[-2:]
    together = (
        f"{len(rest):,} more",
        sum(training for _, training, _ in rest),
        sum(serving for _, _, serving in rest),
    )
    return [*kept, together, *last]


def _step(highest: float) -> float:
    """Returns the distance of grid lines, 1, 2 or 5 times a power of ten: 3 to 5 of them."""
    power = 10.0 ** math.floor(math.log10(highest / 4))
    return next((n * power for n in (1, 2, 5, 10) if highest / (n * power) <= 5), 10 * power)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else f"{label[: _LABEL_LENGTH - 1]}…"
