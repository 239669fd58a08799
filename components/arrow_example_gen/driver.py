"""Resolves spans, versions and the fingerprint before the node runs: stock's driver, with ranges.

One span is left to stock's driver altogether. A range of several becomes one artifact: patterns
keep their fields, and the spans are listed beside them for the executor, which also makes them part
of the cache's key.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfx.components.example_gen import utils
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.orchestration import data_types
from tfx.orchestration.portable import data_types as portable_data_types
from tfx.proto import example_gen_pb2
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from components.arrow_example_gen import files, span_range
from components.arrow_example_gen.patterns import Span, filled
from components.arrow_example_gen.spans import Fixed, shortfall

_OF_A_RANGE = (span_range.FIRST_SPAN, span_range.SPANS, span_range.VERSIONS)

_LOGGER = logging.getLogger(__name__)


class Driver(FileBasedDriver):
    """Driver of `ArrowExampleGen`."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Returns the parameters that the executor gets, and that decide about the cache.

        Raises:
            InputError: There are no such spans.
            ValueError: The patterns or the range make no sense.
        """
        spans = span_range.resolved(exec_properties)
        wanted = span_range.of_parameters(exec_properties)
        if spans and (missing := shortfall(spans, wanted)):
            _LOGGER.warning("%s", missing)
        if len(spans) < 2:
            one = _narrowed(exec_properties, spans)
            found = super().resolve_exec_properties(one, pipeline_info, component_info)
            return {**found, **_only(exec_properties, [specs.RANGE_CONFIG_KEY])}
        return {
            **exec_properties,
            utils.VERSION_PROPERTY_NAME: None,
            **span_range.properties(spans),
            utils.FINGERPRINT_PROPERTY_NAME: _fingerprint(exec_properties, spans),
        }

    def run(
        self, execution_info: portable_data_types.ExecutionInfo
    ) -> driver_output_pb2.DriverOutput:
        """Resolves the parameters, and describes the artifact that is to be made."""
        result = super().run(execution_info)
        for artifact in result.output_artifacts[specs.EXAMPLES_KEY].artifacts:
            for key in _OF_A_RANGE:
                if key in result.exec_properties:
                    artifact.custom_properties[key].CopyFrom(result.exec_properties[key])
        return result

    def _prepare_output_artifacts(self, *args: Any, **kwargs: Any) -> Any:
        """Does for TFX's older launchers, InteractiveContext's among them, what `run` does."""
        artifacts = super()._prepare_output_artifacts(*args, **kwargs)
        parameters = kwargs.get("exec_properties", args[2] if len(args) > 2 else {})
        for artifact in artifacts[specs.EXAMPLES_KEY]:
            span_range.describe(artifact.mlmd_artifact, _only(parameters, _OF_A_RANGE))
        return artifacts


def _only(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _narrowed(exec_properties: Mapping[str, Any], spans: Sequence[Span]) -> dict[str, Any]:
    """Returns parameters that ask for just the span that was found, if any was."""
    if not spans:
        return dict(exec_properties)
    only = span_range.to_config(Fixed(spans[0].number, spans[0].number))
    return {**exec_properties, specs.RANGE_CONFIG_KEY: proto_utils.proto_to_json(only)}


def _fingerprint(exec_properties: Mapping[str, Any], spans: Sequence[Span]) -> str:
    """Returns one line per input split; it changes with any file of any span.

    Stock's has a line for each span and would outgrow the columns of a database.
    """
    inputs = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], inputs)
    base = exec_properties[specs.INPUT_BASE_KEY]
    lines = []
    for split in inputs.splits:
        paths = [p for span in spans for p in files.matching(base, filled(split.pattern, span))]
        statuses = [files.size_and_time(path) for path in paths]
        digest = hashlib.sha256()
        for path, (size, time) in zip(paths, statuses, strict=True):
            digest.update(f"{path.removeprefix(base)}\n{size}\n{time}\n".encode())
        lines.append(
            f"split:{split.name},num_files:{len(paths)},"
            f"total_bytes:{sum(size for size, _ in statuses)},"
            f"sha256:{digest.hexdigest()[:32]}"
        )
    return "\n".join(lines)
