import pytest

from pipelines.runners.local.schedule import Node, NodeState, next_nodes

W, R, D, F = NodeState.WAITING, NodeState.RUNNING, NodeState.RAN, NodeState.FAILED


def node(node_id: str, *upstream: str, gate: bool = False) -> Node:
    return Node(id=node_id, upstream=frozenset(upstream), is_gate=gate)


# gen ─► stats ─► validator (gate) ─► trainer ─► evaluator (gate) ─► pusher
#   └──► transform ──────────────────►┘
TRAINING = [
    node("gen"),
    node("stats", "gen"),
    node("validator", "stats", gate=True),
    node("transform", "gen"),
    node("trainer", "transform", "validator"),
    node("evaluator", "trainer", "gen", gate=True),
    node("pusher", "trainer", "evaluator"),
]


def states(**given: NodeState) -> dict[str, NodeState]:
    return {n.id: given.get(n.id, W) for n in TRAINING}


@pytest.mark.parametrize(
    ("given", "stopped", "slots", "expected"),
    [
        ({}, False, 2, ["gen"]),
        ({"gen": R}, False, 1, []),
        ({"gen": D}, False, 2, ["stats", "transform"]),
        ({"gen": D}, False, 1, ["stats"]),  # the longer chain below it
        (
            {"gen": NodeState.CACHED, "stats": NodeState.REUSED},
            False,
            2,
            ["validator", "transform"],
        ),
        ({"gen": D, "stats": D, "transform": D, "validator": R}, False, 1, []),
        ({"gen": D, "stats": D, "transform": D, "validator": D}, False, 2, ["trainer"]),
        ({"gen": NodeState.SKIPPED}, False, 2, ["stats", "transform"]),
        # The gate on the data still speaks after a failure elsewhere; nothing else starts.
        ({"gen": D, "transform": F}, False, 2, ["stats"]),
        ({"gen": D, "transform": F, "stats": D}, False, 2, ["validator"]),
        ({"gen": D, "transform": F, "stats": D, "validator": D}, False, 2, []),
        ({"gen": F}, False, 2, []),
        ({"gen": D, "stats": D, "transform": D, "validator": D, "trainer": F}, False, 2, []),
        # So it does when another gate has stopped the run; what is no gate's business waits.
        ({"gen": D}, True, 2, ["stats"]),
        ({"gen": D, "stats": D}, True, 2, ["validator"]),
        ({"gen": D, "stats": D, "validator": D}, True, 2, []),
        ({"gen": D}, True, 0, []),
    ],
)
def test_starts_what_is_ready(
    given: dict[str, NodeState], stopped: bool, slots: int, expected: list[str]
) -> None:
    assert next_nodes(TRAINING, states(**given), stopped=stopped, slots=slots) == expected


def test_never_starts_a_node_before_its_upstream_over_a_whole_run() -> None:
    current = states()
    order: list[str] = []
    while ready := next_nodes(TRAINING, current, stopped=False, slots=2):
        for node_id in ready:
            upstream = next(n.upstream for n in TRAINING if n.id == node_id)
            assert all(current[other].is_done for other in upstream)
            order.append(node_id)
        current.update(dict.fromkeys(ready, D))
    assert sorted(order) == sorted(n.id for n in TRAINING)
