"""Whether loop and server have done what a replay waits for: pure functions of what they wrote.

Waiting is left to `driver`.
"""

from __future__ import annotations

from pipelines.continuous.heartbeat import Heartbeat
from serving.rollout import order as orders
from serving.rollout import report as reports


def looked_since(known: Heartbeat | None, beat: Heartbeat | None, now_sec: float) -> bool:
    """Whether a look ended that began when the clock said so, and after `known` was read."""
    if beat is None or beat.began_clock < now_sec:
        return False
    if known is None or beat.pid != known.pid:
        return True
    # Where the clock has said so for longer, the look that was under way does not count.
    return beat.tick >= known.tick + (2 if known.began_clock >= now_sec else 1)


def begun(order: orders.Order | None) -> bool:
    """Whether nothing is ordered that has still to begin."""
    return order is None or order.state is None or not order.running or order.state.step >= 0


def in_force(order: orders.Order, report: reports.Report) -> bool:
    """Whether a server does what is ordered."""
    loaded = set(order.versions) <= set(report.available)
    if order.plan is None or order.state is None:
        return loaded
    return loaded and report.rollout_id == order.plan.id and report.done == order.state.done
