"""Draws a replay: AUC and calibration week by week for three models, and what the loop did when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.replay.days import week_of
from pipelines.replay.result import LOOP, NEVER, WEEKLY, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOKS: dict[str, dict[str, Any]] = {
    NEVER: {"label": "January's model, never trained again", "color": "#999999", "lw": 1.2},
    WEEKLY: {"label": "trained every week", "color": "#2a7ab0", "lw": 1.2, "ls": "--"},
    LOOP: {"label": "the loop", "color": "#c0392b", "lw": 1.8},
}


def draw(result: Result, path: Path) -> None:
    """Writes the picture; the name's ending says in which format."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10, 6), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    for name, look in _LOOKS.items():
        _lines(result, name, look, above, below)
    _marks(result, above)
    above.set_ylabel("AUC of the week")
    below.set_ylabel("predicted / actual late")
    below.axhline(1.0, color="#cccccc", lw=0.8, zorder=0)
    below.set_xlabel("week of 2013")
    above.legend(loc="lower right", fontsize=8, framealpha=0.9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _lines(result: Result, name: str, look: dict[str, Any], above: Axes, below: Axes) -> None:
    known = [week for week in result.weeks if name in week.scores]
    spans = [week.span for week in known]
    above.plot(spans, [week.scores[name].auc for week in known], **look)
    below.plot(spans, [week.scores[name].calibration for week in known], **look)


def _marks(result: Result, axes: Axes) -> None:
    """Marks when a model was promoted, refused or taken back."""
    marks = {"promoted": ("^", "#2c8c4a"), "rolled back": ("X", "#000000")}
    for outcome, (shape, color) in marks.items():
        at = [
            week_of(one.ended_sec)
            for one in result.outcome.rollouts
            if one.outcome == outcome and one.ended_sec is not None
        ]
        if at:
            places = [axes.get_ylim()[0]] * len(at)
            axes.scatter(at, places, marker=shape, color=color, label=outcome, zorder=3, s=36)
    for week in result.retrained_in:
        axes.axvline(week, color="#dddddd", lw=0.8, zorder=0)
