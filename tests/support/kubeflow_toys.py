"""Small pipelines as functions without arguments, as `ringway submit` is told them."""

from typing import Any

import toy_components as toys
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline


def pipeline() -> Any:
    """A number, chosen at submission, and its double."""
    number = RuntimeParameter(name="number", ptype=int, default=21)
    source = toys.Source(number=number)
    return _of([source, toys.Double(data=source.outputs["data"])])


def objecting() -> Any:
    """Data that a gate stops."""
    source = toys.Source(number=1)
    data = source.outputs["data"]
    return _of([source, toys.Object(data=data, feature="fare", severity="ERROR")])


def _of(components: list[Any]) -> Any:
    return Pipeline(pipeline_name="toy", pipeline_root="/ringway-home/runs", components=components)
