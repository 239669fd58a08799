"""Which order follows from what is recorded: pure.

The order is written anew at every look, so that whatever became of the file, servers come back to
what is recorded. Where no rollout was ever recorded there is nothing to write, and servers take the
newest version, or follow the order that a pusher has pinned.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.rollout.pushes import Push
from pipelines.rollout.records import Recorded, Rollout
from serving.rollout.order import Order


def order_of(model: str, recorded: Recorded, pushes: Sequence[Push]) -> Order | None:
    """Returns what servers are to do; None where nothing is recorded that says so.

    Args:
        model: The model's name.
        recorded: Its rollouts.
        pushes: What was pushed of it.
    """
    running = recorded.running
    if running is not None:
        return _with_rollout(model, running)
    last, serves = recorded.last, serving(recorded, pushes)
    if last is None or serves is None:
        return None
    if serves != last.winner:
        return Order(model=model, serves=serves)
    return _with_rollout(model, last)


def serving(recorded: Recorded, pushes: Sequence[Push]) -> int | None:
    """Returns which version serves while no rollout runs; None where no rollout was recorded.

    It is the winner of the last one that ended, or what was pushed since to serve at once.
    """
    last = recorded.last
    if last is None:
        return None
    direct = newest_direct(pushes)
    # The time of recording, not the one that all agree on, which may stand still in a simulation.
    if direct is not None and direct.recorded_ms > last.actions[-1].recorded_ms:
        return direct.version
    return last.winner


def newest_direct(pushes: Sequence[Push]) -> Push | None:
    """Returns the last version that was pushed to serve at once."""
    return max((one for one in pushes if one.plan is None), key=lambda one: one.id, default=None)


def _with_rollout(model: str, rollout: Rollout) -> Order:
    return Order(model=model, serves=rollout.winner, plan=rollout.plan, state=rollout.state)
