"""Which nodes start next: a pure decision from how all nodes stand.

A node starts when everything upstream of it is done. After a failure, or once a gate has said stop,
nothing new starts, except what is needed for the gates on the data to speak: a wrong column may
crash Transform before ExampleValidator could name the column, and the user wants the name; and
where one of these gates stops the run, the others may have more to say. Gates on the model come
too late for that.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence


class NodeState(enum.StrEnum):
    """How a node of a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    RAN = "ran"
    CACHED = "cached"
    REUSED = "reused"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_done(self) -> bool:
        """Whether nodes downstream can build on this one."""
        return self in (NodeState.RAN, NodeState.CACHED, NodeState.REUSED, NodeState.SKIPPED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A node as the schedule sees it.

    Attributes:
        id: Its id in the pipeline.
        upstream: The ids of the nodes that must be done before it starts.
        is_gate: Whether its result can stop the run.
    """

    id: str
    upstream: frozenset[str]
    is_gate: bool = False


def next_nodes(
    nodes: Sequence[Node], states: Mapping[str, NodeState], *, stopped: bool, slots: int
) -> list[str]:
    """Returns the ids of the nodes to start now.

    Args:
        nodes: All nodes of the run, in topological order.
        states: The state of each node by id.
        stopped: Whether a gate has stopped the run.
        slots: How many more nodes may run at the same time; 0 where the user has stopped it.

    Returns:
        At most `slots` ids; those with the longest chain of nodes below them come first.
    """
    if slots <= 0:
        return []
    wanted = {node.id for node in nodes}
    if stopped or any(state is NodeState.FAILED for state in states.values()):
        wanted = _needed_by_gates(nodes)
    ready = [
        node.id
        for node in nodes
        if node.id in wanted
        and states[node.id] is NodeState.WAITING
        and all(states[upstream].is_done for upstream in node.upstream)
    ]
    depth = _depths_below(nodes)
    return sorted(ready, key=lambda node_id: -depth[node_id])[:slots]


def _needed_by_gates(nodes: Sequence[Node]) -> set[str]:
    # A gate that judges the data is what can explain a failure, and another such gate may have more
    # to say; one that judges the model comes too late for that. The first gates on every path are
    # the former.
    needed: set[str] = set()
    by_id = {node.id: node for node in nodes}
    for gate in nodes:
        if gate.is_gate:
            above = _ancestors(gate.id, by_id)
            if not any(by_id[other].is_gate for other in above):
                needed |= above | {gate.id}
    return needed


def _ancestors(node_id: str, by_id: Mapping[str, Node]) -> set[str]:
    found: set[str] = set()
    pending = list(by_id[node_id].upstream)
    while pending:
        upstream = pending.pop()
        if upstream not in found:
            found.add(upstream)
            pending.extend(by_id[upstream].upstream)
    return found


def _depths_below(nodes: Sequence[Node]) -> dict[str, int]:
    depths = {node.id: 0 for node in nodes}
    for node in reversed(nodes):
        for upstream in node.upstream:
            depths[upstream] = max(depths[upstream], depths[node.id] + 1)
    return depths
