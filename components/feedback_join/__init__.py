"""Joins served rows with labels that come later, from files in a drop folder.

join = FeedbackJoin(served_examples=log.outputs["examples"], labels_folder="/var/labels",
                    columns=("arr_delay",), max_delay_sec=172_800, as_of_sec=1_385_000_000)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.feedback_join.component import FeedbackJoin

__all__ = ["FeedbackJoin"]


def __getattr__(name: str) -> Any:
    # Late, so that a command can deliver labels without the seconds that TFX takes to import.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.feedback_join.component import FeedbackJoin

    return FeedbackJoin
