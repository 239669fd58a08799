"""Pushes a blessed version and asks for its rollout; stands where stock Pusher stands.

pusher = RolloutPusher(infra_blessing=..., rollout={"strategy": "canary", ...}, ...)

The component is imported when it is asked for, so that `strategies` and `keys`, which say what a
configured rollout means and where it is asked for, can be had without TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.rollout_pusher.component import RolloutPusher

__all__ = ["RolloutPusher"]


def __getattr__(name: str) -> Any:
    if name == "RolloutPusher":
        from components.rollout_pusher.component import RolloutPusher

        return RolloutPusher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
