import itertools

import pytest

from pipelines.lineage.layout import BOX_HEIGHT, BOX_WIDTH, Layout, arrange

_NODES = ["gen", "data", "stats", "schema", "transform", "graph", "trainer", "model"]
_EDGES = [
    ("gen", "data"),
    ("data", "stats"),
    ("stats", "schema"),
    ("data", "transform"),
    ("schema", "transform"),
    ("transform", "graph"),
    ("graph", "trainer"),
    ("schema", "trainer"),
    ("data", "trainer"),
    ("trainer", "model"),
]


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) < BOX_WIDTH and abs(one[1] - other[1]) < BOX_HEIGHT


def _check(found: Layout) -> None:
    for one, other in itertools.combinations(found.boxes.values(), 2):
        assert not _overlap(one, other)
    for x, y in found.boxes.values():
        assert -1e-6 <= x <= found.width - BOX_WIDTH + 1e-6
        assert 0 <= y <= found.height - BOX_HEIGHT


def test_boxes_never_overlap_and_edges_lead_down() -> None:
    found = arrange(_NODES, _EDGES)
    _check(found)
    for start, end in _EDGES:
        assert found.boxes[start][1] < found.boxes[end][1]
        route = found.routes[start, end]
        assert route[0][1] == found.boxes[start][1] + BOX_HEIGHT
        assert route[-1][1] == found.boxes[end][1]


def test_a_long_edge_runs_beside_the_boxes_that_it_passes() -> None:
    found = arrange(_NODES, _EDGES)
    for edge, route in found.routes.items():
        for x, y in route[1:-1]:
            for name, (left, top) in found.boxes.items():
                inside = left < x < left + BOX_WIDTH and top <= y <= top + BOX_HEIGHT
                assert not inside, (edge, name)


def test_a_circle_is_drawn_all_the_same() -> None:
    found = arrange(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a")])
    _check(found)
    assert len(found.routes) == 3


@pytest.mark.parametrize("nodes", [[], ["only"]])
def test_hardly_anything_is_laid_out_too(nodes: list[str]) -> None:
    found = arrange(nodes, [])
    assert list(found.boxes) == nodes


def test_sources_stand_next_to_what_needs_them() -> None:
    found = arrange(
        ["a", "b", "c", "d", "late"], [("a", "b"), ("b", "c"), ("c", "d"), ("late", "d")]
    )
    assert found.boxes["late"][1] == found.boxes["c"][1]
