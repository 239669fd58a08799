"""What a check compares, as plain values. `pipelines.skew.pipeline` makes pipelines of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from components.arrow_example_gen.spans import named
from components.prediction_log_example_gen.windows import Range
from pipelines.errors import UsageError
from pipelines.skew.baseline import Baseline

Spans = tuple[int, int]  # first and last


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServedPlan:
    """What was served, and what to compare it with.

    Attributes:
        log_folder: Of the request log.
        period: The time to look at.
        fingerprint: Of the log's shards of that time.
        absent: Values that stand for none, by feature.
        title: Of the report.
        baseline: What the model was trained on; None to compare with `previous`.
        previous: The time before, to compare with; None to compare with `baseline`.
        previous_fingerprint: Of the log's shards of that time.
    """

    log_folder: Path
    period: Range
    fingerprint: str
    absent: Mapping[str, str | float]
    title: str
    baseline: Baseline | None = None
    previous: Range | None = None
    previous_fingerprint: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpansPlan:
    """Two ranges of spans of a pipeline's data, ends included.

    Attributes:
        spans: First and last of those that are looked at.
        against: Likewise of those that they are compared with.
        title: Of the report.
    """

    spans: Spans
    against: Spans
    title: str


def parse_spans(option: str, text: str) -> Spans:
    """Reads a range of spans: `5:12` with both ends, or `5` alone.

    Args:
        option: That it was given as, for the message.
        text: The range.

    Raises:
        UsageError: It is none.
    """
    first, _, last = text.partition(":")
    numbers = (first, last) if ":" in text else (first, first)
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise UsageError(f"{option}: expected spans such as 5:12, or 5 alone, received {text!r}")
    low, high = map(int, numbers)
    if low > high:
        raise UsageError(f"{option}: expected the first span before the last, received {text!r}")
    return low, high


def spans_text(spans: Spans) -> str:
    """Returns a range of spans in words."""
    first, last = spans
    return named(range(first, last + 1))
