"""A model's lineage as one page that opens offline: no script, no font, no address outside.

The template is `templates/lineage.html.jinja`, with `request.html.jinja` for a request that the
model answered; every value passes through its escaping. What the page says is the same document
that `--format json` prints.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from components.arrow_example_gen.spans import named
from pipelines.lineage import layout, render
from pipelines.lineage.changes import text

_MARGIN = 12.0
_TITLE_LENGTH, _SUBTITLE_LENGTH = 22, 28  # characters that fit into a box at 13 and 11 px
_TITLE_SHOWN = {
    "ExampleStatistics": "Statistics",
    "ExampleAnomalies": "Anomalies",
    "ModelEvaluation": "Evaluation",
    "ModelBlessing": "Blessing",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """One artifact or execution in the picture."""

    x: float
    y: float
    kind: str
    title: str
    subtitle: str
    tooltip: str
    anchor: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """Boxes and the paths between them, in SVG's terms."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    box_width: float = layout.BOX_WIDTH
    box_height: float = layout.BOX_HEIGHT


def lineage(document: Mapping[str, Any], request: Mapping[str, Any] | None = None) -> str:
    """Returns the page of a model's lineage.

    Args:
        document: From `documents.lineage`.
        request: From `request_lineage.document`, to stand above it; None for none.
    """
    return (
        _environment()
        .get_template("lineage.html.jinja")
        .render(
            document=document,
            picture=picture(document),
            state=_state_class(document["blessing"]),
            request=request,
        )
    )


def picture(document: Mapping[str, Any]) -> Picture:
    """Returns the graph of a lineage document, laid out from data at the top to the model below."""
    artifacts = {item["id"]: item for item in document["artifacts"] if item is not None}
    executions = document["executions"]
    edges = []
    for item in executions:
        name = f"execution-{item['id']}"
        edges += [(f"artifact-{i}", name) for i in item["inputs"] if i in artifacts]
        edges += [(name, f"artifact-{i}") for i in item["outputs"] if i in artifacts]
    nodes = [*(f"execution-{e['id']}" for e in executions), *(f"artifact-{i}" for i in artifacts)]
    arranged = layout.arrange(nodes, edges)
    boxes = [_execution_box(item, arranged.boxes[f"execution-{item['id']}"]) for item in executions]
    model = document["model"]["id"]
    boxes += [
        _artifact_box(item, arranged.boxes[f"artifact-{id_}"], id_ == model, _note(document, id_))
        for id_, item in artifacts.items()
    ]
    return Picture(
        width=arranged.width + 2 * _MARGIN,
        height=arranged.height + 2 * _MARGIN,
        boxes=tuple(boxes),
        paths=tuple(_path(points) for points in arranged.routes.values()),
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.lineage"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        text=text,
        duration=render.duration,
        metric_names=render.metric_names,
        span_words=render.span_words,
        state=_state_class,
        when=lambda iso: "-" if iso is None else iso.replace("T", " ").replace("Z", " UTC"),
    )
    return environment


def _state_class(blessing: str) -> str:
    return {"BLESSED": "good", "REJECTED": "bad"}.get(blessing, "open")


def _note(document: Mapping[str, Any], artifact_id: int) -> str:
    """Returns what a box may say besides its id: a span, a version, a verdict."""
    for use in document["data"]:
        if use["artifact"]["id"] == artifact_id and use["spans"]:
            return named(use["spans"])
    if document["model"]["id"] == artifact_id and document["version"]:
        return f"version {document['version']}"
    if any(item["baseline_model"] == artifact_id for item in document["evaluations"]):
        return "baseline"
    base = document["base_model"]
    return "base model" if base is not None and base["id"] == artifact_id else ""


def _execution_box(item: Mapping[str, Any], corner: tuple[float, float]) -> Box:
    return Box(
        x=corner[0] + _MARGIN,
        y=corner[1] + _MARGIN,
        kind="execution",
        title=_short(item["node"], _TITLE_LENGTH),
        subtitle=f"execution {item['id']} · {render.duration(item['duration_sec'])}",
        tooltip=f"{item['component']}, {item['state']} in run {item['run']}",
        anchor=f"execution-{item['id']}",
    )


def _artifact_box(
    item: Mapping[str, Any], corner: tuple[float, float], is_subject: bool, note: str
) -> Box:
    return Box(
        x=corner[0] + _MARGIN,
        y=corner[1] + _MARGIN,
        kind="subject" if is_subject else "artifact",
        title=_short(_TITLE_SHOWN.get(item["type"], item["type"]), _TITLE_LENGTH),
        subtitle=_short(
            f"{item['id']} · {note}" if note else f"artifact {item['id']}", _SUBTITLE_LENGTH
        ),
        tooltip=f"{item['type']}, {item['uri']}",
        anchor=f"artifact-{item['id']}",
    )


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Returns a smooth path through the points; each bend leaves and arrives vertically."""
    moved = [(x + _MARGIN, y + _MARGIN) for x, y in points]
    parts = [f"M{moved[0][0]:.1f},{moved[0][1]:.1f}"]
    for (x, y), (next_x, next_y) in itertools.pairwise(moved):
        if abs(x - next_x) < 0.5:
            parts.append(f"L{next_x:.1f},{next_y:.1f}")
        else:
            middle = (y + next_y) / 2
            curve = f"C{x:.1f},{middle:.1f} {next_x:.1f},{middle:.1f} {next_x:.1f},{next_y:.1f}"
            parts.append(curve)
    return " ".join(parts)
