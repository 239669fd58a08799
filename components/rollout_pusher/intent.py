"""What becomes of a version that is about to be pushed: served at once, or asked to be rolled out.

A pure decision from the settings, the order that servers follow, and the versions on disk. What a
server would do by itself, which is to take the newest version as soon as it is there, is kept from
happening by an order that is pinned to what serves now.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from serving.rollout.errors import RolloutError
from serving.rollout.order import Order
from serving.rollout.plan import Strategy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intent:
    """What to do with a version.

    Attributes:
        because: Why, in words.
        stable: Which version serves until a rollout says otherwise; None where the version is to
            serve as soon as it is there.
        pins: Whether there is no order yet that keeps servers at `stable`.
        orders: Whether servers follow an order, which then has to name the version.
    """

    because: str
    stable: int | None = None
    pins: bool = False
    orders: bool = False

    @property
    def is_direct(self) -> bool:
        """Whether the version serves as soon as it is there."""
        return self.stable is None


def of_push(settings: Mapping[str, Any], order: Order | None, on_disk: Collection[int]) -> Intent:
    """Returns what to do with the next version.

    Args:
        settings: As `strategies.plan` takes them.
        order: What servers follow; None where they take the newest version.
        on_disk: Versions that can be served.

    Raises:
        RolloutError: It is to serve at once, but a rollout of another version runs.
    """
    strategy = Strategy(settings.get("strategy", "direct"))
    running = order.plan if order is not None and order.running else None
    if strategy is Strategy.DIRECT:
        if running is not None:
            raise RolloutError(
                f"the strategy is direct, but {running.strategy.value} {running.id} of version "
                f"{running.candidate_version} runs. End it first: ringway rollout abort "
                f"{running.model}, or promote it."
            )
        return Intent(because="the strategy is direct", orders=order is not None)
    serves = order.serves if order is not None else max(on_disk, default=None)
    if serves is None:
        return Intent(because="it is the first version: there is none to compare it with")
    if running is None and serves not in on_disk:
        return Intent(
            because=f"version {serves}, which should serve, is not on disk: there is none to "
            "compare it with",
            orders=True,
        )
    return Intent(
        because=f"{strategy.value} against version {serves}", stable=serves, pins=order is None
    )
