"""A layered layout for a small directed graph: where boxes stand and how edges run.

Sugiyama's method in its simplest form: layers by longest path, a stand-in for every layer that an
edge crosses, a few sweeps of the barycentre heuristic against crossings, then positions pulled
towards the middle of their neighbours without overlapping. Good for the tens of nodes of one
model's lineage, not for thousands. Drawing is left to `page`.

Source: Sugiyama, Tagawa, Toda 1981, IEEE Trans. Syst. Man Cybern. 11(2).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

BOX_WIDTH, BOX_HEIGHT = 184.0, 48.0
_GAP_X, _GAP_Y = 24.0, 40.0
_LANE = 28.0  # width kept free for an edge that passes a layer
_SWEEPS = 12

Edge = tuple[str, str]
Layers = list[list[str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """Positions in pixels from the top left.

    Attributes:
        width: Of the whole.
        height: Of the whole.
        boxes: Node to the top left corner of its box.
        routes: Edge to the points that it runs through, the first and last on the boxes' rims.
    """

    width: float
    height: float
    boxes: Mapping[str, tuple[float, float]]
    routes: Mapping[Edge, tuple[tuple[float, float], ...]]


def arrange(nodes: Sequence[str], edges: Iterable[Edge]) -> Layout:
    """Returns a layout from top to bottom.

    Args:
        nodes: Names; their order breaks ties.
        edges: Pairs of nodes. One that would close a circle is drawn but does not move its ends.
    """
    known = set(nodes)
    kept = [edge for edge in dict.fromkeys(edges) if known.issuperset(edge) and edge[0] != edge[1]]
    depth = _depths(nodes, kept)
    layers, chains = _layers(nodes, kept, depth)
    links = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    _reduce_crossings(layers, links)
    real = set(nodes)
    centres = _place(layers, links, real)
    left = min((centres[n] - _width(n, real) / 2 for n in centres), default=0.0)
    right = max((centres[n] + _width(n, real) / 2 for n in centres), default=0.0)
    top = {name: row * (BOX_HEIGHT + _GAP_Y) for row, layer in enumerate(layers) for name in layer}
    return Layout(
        width=right - left,
        height=max(0.0, len(layers) * (BOX_HEIGHT + _GAP_Y) - _GAP_Y),
        boxes={n: (centres[n] - left - BOX_WIDTH / 2, top[n]) for n in nodes},
        routes={
            edge: tuple(_route(chain, {n: centres[n] - left for n in chain}, top))
            for edge, chain in chains.items()
        },
    )


def _depths(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Returns each node's layer: the longest way to it. An edge back to a caller is left out."""
    above: defaultdict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        above[end].append(start)
    depth: dict[str, int] = {}

    def visit(node: str, path: frozenset[str]) -> int:
        if node not in depth:
            inner = path | {node}
            ways = [visit(parent, inner) + 1 for parent in above[node] if parent not in inner]
            depth[node] = max(ways, default=0)
        return depth[node]

    for node in nodes:
        visit(node, frozenset())
    # What nothing leads to stands just above where it is first needed.
    for node in nodes:
        needed = [depth[end] for start, end in edges if start == node]
        if not above[node] and needed:
            depth[node] = max(0, min(needed) - 1)
    return depth


def _layers(
    nodes: Sequence[str], edges: Sequence[Edge], depth: Mapping[str, int]
) -> tuple[Layers, dict[Edge, list[str]]]:
    """Returns the layers, with stand-ins, and the chain of names that each edge runs along."""
    layers: Layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    chains: dict[Edge, list[str]] = {}
    for start, end in edges:
        between = range(depth[start] + 1, depth[end])
        stand_ins = [f"{start}\0{end}\0{row}" for row in between]
        for row, name in zip(between, stand_ins, strict=True):
            layers[row].append(name)
        chains[start, end] = [start, *stand_ins, end]
    return layers, chains


def _neighbours(links: Iterable[Edge]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    above: defaultdict[str, list[str]] = defaultdict(list)
    below: defaultdict[str, list[str]] = defaultdict(list)
    for start, end in links:
        below[start].append(end)
        above[end].append(start)
    return above, below


def _reduce_crossings(layers: Layers, links: Sequence[Edge]) -> None:
    above, below = _neighbours(links)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        side = above if down else below
        for layer in layers if down else reversed(layers):
            rank = {name: place for row in layers for place, name in enumerate(row)}
            middle = {
                name: _mean([rank[other] for other in side.get(name, ())], rank[name])
                for name in layer
            }
            layer.sort(key=middle.__getitem__)


def _place(layers: Layers, links: Sequence[Edge], real: set[str]) -> dict[str, float]:
    """Returns the centre of each name, pulled towards its neighbours, without overlaps."""
    above, below = _neighbours(links)
    centres: dict[str, float] = {}
    for layer in layers:
        _pack(layer, dict.fromkeys(layer, 0.0), centres, real)
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wanted = {}
            for name in layer:
                side = (above if down else below).get(name) or ()
                wanted[name] = _mean([centres[other] for other in side], centres[name])
            _pack(layer, wanted, centres, real)
    return centres


def _pack(
    layer: Sequence[str], wanted: Mapping[str, float], centres: dict[str, float], real: set[str]
) -> None:
    """Sets centres as near to the wanted ones as order and widths allow.

    Groups that would overlap are merged and centred on the mean of what their members want: the
    pool-adjacent-violators method.
    """
    groups: list[tuple[float, list[str], list[float]]] = []  # origin, members, offsets
    for name in layer:
        group = (wanted[name], [name], [0.0])
        while groups:
            origin, members, offsets = groups[-1]
            room = (_width(members[-1], real) + _width(group[1][0], real)) / 2 + _GAP_X
            if origin + offsets[-1] + room <= group[0]:
                break
            groups.pop()
            moved = [offsets[-1] + room + offset for offset in group[2]]
            names, places = members + group[1], offsets + moved
            wish = [wanted[n] - place for n, place in zip(names, places, strict=True)]
            group = (_mean(wish, 0.0), names, places)
        groups.append(group)
    for origin, members, offsets in groups:
        centres.update(
            (name, origin + offset) for name, offset in zip(members, offsets, strict=True)
        )


def _route(
    chain: Sequence[str], centres: Mapping[str, float], top: Mapping[str, float]
) -> Iterable[tuple[float, float]]:
    start, *between, end = chain
    yield centres[start], top[start] + BOX_HEIGHT
    for name in between:
        yield centres[name], top[name]
        yield centres[name], top[name] + BOX_HEIGHT
    yield centres[end], top[end]


def _width(name: str, real: set[str]) -> float:
    return BOX_WIDTH if name in real else _LANE


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
