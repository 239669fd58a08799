"""A node's part of TFX's intermediate representation, as an argument of its task.

    node_only(ir, "Trainer")  ─►  text  ─►  in the container: filled with run, root and parameters

How that becomes a text is left to `arguments`. The metadata connection is left out: it has a
password, and the task reads its own from the environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format, message
from tfx.dsl.compiler import constants
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from pipelines.errors import RingwayError
from pipelines.runners.kubeflow import arguments, paths
from pipelines.runners.kubeflow.settings import Parameter, Target

RESERVED = (constants.PIPELINE_RUN_ID_PARAMETER_NAME, constants.PIPELINE_ROOT_PARAMETER_NAME)


def node_only(pipeline: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.Pipeline:
    """Returns a pipeline's representation with one node, its executor, driver and platform."""
    only = pipeline_pb2.Pipeline(
        pipeline_info=pipeline.pipeline_info,
        runtime_spec=pipeline.runtime_spec,
        execution_mode=pipeline.execution_mode,
    )
    only.nodes.extend(n for n in pipeline.nodes if n.pipeline_node.node_info.id == node_id)
    every = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(every)
    kept = pipeline_pb2.IntermediateDeploymentConfig()
    for name in ("executor_specs", "custom_driver_specs", "node_level_platform_configs"):
        if node_id in getattr(every, name):
            getattr(kept, name)[node_id].CopyFrom(getattr(every, name)[node_id])
    only.deployment_config.Pack(kept)
    return only


def encode(pipeline: pipeline_pb2.Pipeline) -> str:
    """Returns a representation as a text that needs no escaping anywhere on its way.

    Raises:
        RingwayError: It is too long for an argument.
    """
    [node] = pipeline.nodes
    return arguments.pack(json_format.MessageToDict(pipeline), node.pipeline_node.node_info.id)


def decode(text: str) -> pipeline_pb2.Pipeline:
    """Returns the representation that `encode` wrote.

    Raises:
        RingwayError: The text is none.
    """
    try:
        return json_format.ParseDict(arguments.unpack(text), pipeline_pb2.Pipeline())
    except json_format.ParseError as error:
        raise arguments.unreadable(error) from error


def declared(pipeline: pipeline_pb2.Pipeline) -> dict[str, Parameter]:
    """Returns the RuntimeParameters that stand in a representation, by name."""
    types = pipeline_pb2.RuntimeParameter
    names = {types.INT: "int", types.DOUBLE: "float", types.STRING: "str"}
    found: dict[str, Parameter] = {}
    for parameter in _runtime_parameters(pipeline):
        if parameter.name in RESERVED:
            continue
        kind = names.get(parameter.type, "str")
        which = parameter.default_value.WhichOneof("value")
        default = getattr(parameter.default_value, which) if which else None
        found[parameter.name] = Parameter(name=parameter.name, type=kind, default=default)  # type: ignore[arg-type]
    return found


def _runtime_parameters(part: message.Message) -> Iterator[pipeline_pb2.RuntimeParameter]:
    if isinstance(part, pipeline_pb2.RuntimeParameter):
        yield part
        return
    for field, value in part.ListFields():
        if field.message_type is None:
            continue
        if isinstance(value, message.Message):
            yield from _runtime_parameters(value)
        else:
            items = value.values() if hasattr(value, "values") else value
            for item in items:
                if isinstance(item, message.Message):
                    yield from _runtime_parameters(item)


def fill(
    pipeline: pipeline_pb2.Pipeline,
    *,
    run_id: str,
    root: str,
    values: Mapping[str, Any],
    parameters: Sequence[Parameter] = (),
) -> None:
    """Puts in place, in a node's representation, what is known when it runs.

    Args:
        pipeline: From `decode`; changed in place.
        run_id: The run.
        root: Under which artifacts are written; empty for the pipeline's own.
        values: Parameter name to value.
        parameters: What the values mean, where they are no RuntimeParameters.
    """
    bound: dict[str, Any] = {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    if root:
        bound[constants.PIPELINE_ROOT_PARAMETER_NAME] = root
    for name, parameter in declared(pipeline).items():
        if name in values:
            bound[name] = parameter.typed(values[name])
    runtime_parameter_utils.substitute_runtime_parameter(pipeline, bound)
    [node] = pipeline.nodes
    for parameter in parameters:
        if parameter.name in values:
            value = parameter.typed(values[parameter.name])
            for target in parameter.targets:
                set_target(node.pipeline_node, target, parameter, value)
    _each_text(node.pipeline_node, paths.found)


def set_target(
    node: pipeline_pb2.PipelineNode, target: Target, parameter: Parameter, value: Any
) -> None:
    """Writes a parameter's value where a target says.

    Raises:
        RingwayError: The node has no such property, or its JSON no such place.
    """
    if target.node != node.node_info.id:
        return
    held = node.parameters.parameters
    if target.property not in held or held[target.property].WhichOneof("value") != "field_value":
        raise _no_such_place(parameter, target)
    field = held[target.property].field_value
    if not target.path and not target.mixes:
        _set_value(field, value)
        return
    document = _document(field.string_value, target.path)
    place = document
    for key in target.path[:-1]:
        place = place.get(key) if isinstance(place, dict) else None
    if target.path and (not isinstance(place, dict) or target.path[-1] not in place):
        raise _no_such_place(parameter, target)
    if not target.path:
        field.string_value = _mixed(field.string_value, parameter, value)
        return
    last = target.path[-1]
    before = place[last]
    place[last] = _mixed(before, parameter, value) if target.mixes else value
    if place[last] != before:
        field.string_value = json.dumps(document, sort_keys=True)


def _mixed(text: str, parameter: Parameter, value: Any) -> str:
    if value == parameter.default:
        return text
    mixed = f"{text} {parameter.name}={json.dumps(value)}"
    return hashlib.sha256(mixed.encode()).hexdigest()[: len(text) or 16]


def _document(text: str, path: Sequence[str]) -> Any:
    try:
        return json.loads(text) if path else None
    except ValueError:
        return None


def _no_such_place(parameter: Parameter, target: Target) -> RingwayError:
    place = ".".join([target.node, target.property, *target.path])
    return RingwayError(
        f"Parameter {parameter.name}: there is no {place} that it could set.",
        remedy="Correct the parameter's target, or give that property a value of its own.",
    )


def _set_value(field: Any, value: Any) -> None:
    if isinstance(value, bool):
        field.string_value = json.dumps(value)
    elif isinstance(value, int):
        field.int_value = value
    elif isinstance(value, float):
        field.double_value = value
    else:
        field.string_value = value


def texts(node: pipeline_pb2.PipelineNode) -> list[str]:
    """Returns every text among a node's parameters."""
    found: list[str] = []
    _each_text(node, lambda text: found.append(text) or text)  # type: ignore[func-returns-value]
    return found


def map_texts(node: pipeline_pb2.PipelineNode, path_map: paths.PathMap) -> None:
    """Maps the paths among a node's parameters, RuntimeParameters' defaults included."""
    _each_text(node, path_map.map)


def map_beam_args(pipeline: pipeline_pb2.Pipeline, path_map: paths.PathMap) -> list[str]:
    """Maps the paths among a node's Beam options in place, and returns the options."""
    config = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(config)
    options: list[str] = []
    for packed in config.executor_specs.values():
        spec = executable_spec_pb2.BeamExecutableSpec()
        if packed.Unpack(spec):
            spec.beam_pipeline_args[:] = [path_map.map(text) for text in spec.beam_pipeline_args]
            options.extend(spec.beam_pipeline_args)
            for value in _values(spec):  # the same again, as placeholders
                if value.WhichOneof("value") == "string_value":
                    value.string_value = path_map.map(value.string_value)
                    options.append(value.string_value)
            packed.Pack(spec)
    pipeline.deployment_config.Pack(config)
    return options


def _each_text(node: pipeline_pb2.PipelineNode, change: Any) -> None:
    for parameter in node.parameters.parameters.values():
        for value in _values(parameter):
            if value.WhichOneof("value") == "string_value":
                changed = change(value.string_value)
                if changed != value.string_value:
                    value.string_value = changed


def _values(part: message.Message) -> Iterator[Any]:
    # The metadata values below a pipeline_pb2.Value, wherever in it they stand.
    if part.DESCRIPTOR.full_name == "ml_metadata.Value":
        yield part
        return
    for field, value in part.ListFields():
        if field.message_type is None:
            continue
        if isinstance(value, message.Message):
            yield from _values(value)
        else:
            items = value.values() if hasattr(value, "values") else value
            for item in items:
                if isinstance(item, message.Message):
                    yield from _values(item)
