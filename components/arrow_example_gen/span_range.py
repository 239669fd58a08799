"""From a node's parameters to the spans it reads, and from those to what is recorded of them.

A single span is recorded as stock ExampleGen does, as `span` and `version`. Of several, `span` and
`version` are the newest one's, and besides there are

    first_span    5
    spans         "5-8,10"      5, 6, 7, 8 and 10
    versions      "1,1,2,1,1"   one for each, where the pattern has versions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.components.example_gen import utils
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from components.arrow_example_gen import files
from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.patterns import Span
from components.arrow_example_gen.spans import Fixed, Latest, Wanted, listed, restored

FIRST_SPAN, SPANS, VERSIONS = "first_span", "spans", "versions"


def of_config(config: range_config_pb2.RangeConfig | None) -> Wanted:
    """Returns which spans a configuration asks for; without one, the latest.

    Raises:
        ValueError: It is neither a static nor a rolling range, or one of no spans.
    """
    if config is None:
        return Latest(1)
    if config.HasField("static_range"):
        first = config.static_range.start_span_number
        last = config.static_range.end_span_number
        if 0 <= first <= last:
            return Fixed(first, last)
        raise ValueError(
            f"static_range: expected a first span from 0 and a last one from there, received "
            f"{first} and {last}"
        )
    if config.HasField("rolling_range"):
        count = config.rolling_range.num_spans
        if count > 0:
            return Latest(count, config.rolling_range.start_span_number)
        raise ValueError(f"rolling_range: expected num_spans of 1 or more, received {count}")
    raise ValueError("range_config: expected a static_range or a rolling_range, received neither")


def to_config(wanted: Wanted) -> range_config_pb2.RangeConfig:
    """Returns what `of_config` takes for these spans."""
    if isinstance(wanted, Fixed):
        return range_config_pb2.RangeConfig(
            static_range=range_config_pb2.StaticRange(
                start_span_number=wanted.first, end_span_number=wanted.last
            )
        )
    return range_config_pb2.RangeConfig(
        rolling_range=range_config_pb2.RollingRange(
            num_spans=wanted.count, start_span_number=wanted.not_before
        )
    )


def of_parameters(exec_properties: Mapping[str, Any]) -> Wanted:
    """Returns which spans a node's parameters ask for."""
    entry = exec_properties.get(specs.RANGE_CONFIG_KEY)
    if not entry:
        return of_config(None)
    config = range_config_pb2.RangeConfig()
    proto_utils.json_to_proto(entry, config)
    return of_config(config)


def resolved(exec_properties: Mapping[str, Any]) -> tuple[Span, ...]:
    """Returns the spans to read, oldest first, by looking at the files that there are.

    Raises:
        InputError: There are no such spans, or spans are asked for where there can be none.
    """
    inputs = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], inputs)
    found = files.spans_of(
        exec_properties[specs.INPUT_BASE_KEY],
        [split.pattern for split in inputs.splits],
        of_parameters(exec_properties),
    )
    if not found and exec_properties.get(specs.RANGE_CONFIG_KEY):
        raise InputError(
            "range_config asks for spans, but the pattern tells none apart: "
            f"{', '.join(split.pattern for split in inputs.splits)}. Write for example "
            "span-{SPAN}/*."
        )
    return found


def recorded(exec_properties: Mapping[str, Any]) -> tuple[Span, ...]:
    """Returns the spans of a range that a driver has resolved; none where it was no range."""
    numbers = exec_properties.get(SPANS)
    return restored(numbers, exec_properties.get(VERSIONS) or "") if numbers else ()


def properties(spans: Sequence[Span]) -> dict[str, int | str]:
    """Returns what is recorded of spans, at least one, oldest first."""
    newest = spans[-1]
    found: dict[str, int | str] = {utils.SPAN_PROPERTY_NAME: newest.number}
    if newest.version is not None:
        found[utils.VERSION_PROPERTY_NAME] = newest.version
    if len(spans) > 1:
        found[FIRST_SPAN] = spans[0].number
        found[SPANS] = listed(span.number for span in spans)
        if newest.version is not None:
            found[VERSIONS] = ",".join(str(span.version) for span in spans)
    return found


def describe(artifact: metadata_store_pb2.Artifact, values: Mapping[str, int | str | None]) -> None:
    """Sets an artifact's custom properties."""
    for key, value in values.items():
        if isinstance(value, int):
            artifact.custom_properties[key].int_value = value
        elif value is not None:
            artifact.custom_properties[key].string_value = value
