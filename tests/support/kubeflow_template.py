"""What a Kubeflow Pipelines server makes of an uploaded pipeline and of a run's parameters.

Written after backend/src/apiserver/template/v2_template.go, backend/src/apiserver/common/utils.go
and backend/src/v2/compiler of kubeflow/pipelines, with their error texts.
"""

import re
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

# The smallest pipeline that the server takes.
TINY = """\
components:
  comp-one: {executorLabel: exec-one}
deploymentSpec:
  executors:
    exec-one: {container: {image: images.example/r, command: [python]}}
pipelineInfo: {name: tiny}
root:
  dag:
    tasks:
      one: {componentRef: {name: comp-one}, taskInfo: {name: one}, cachingOptions: {}}
  inputDefinitions:
    parameters:
      epochs: {parameterType: NUMBER_INTEGER, defaultValue: 5}
schemaVersion: 2.1.0
sdkVersion: tests
"""

PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "NUMBER_DOUBLE": ((int, float), "double or integer, but the parameter value is not of number"),
    "NUMBER_INTEGER": ((int, float), "double or integer, but the parameter value is not of number"),
    "STRING": ((str,), "string, but the input parameter is not of string"),
    "BOOLEAN": ((bool,), "bool, but the input parameter is not of bool"),
    "LIST": ((list,), "list, but the input parameter is not of list"),
    "STRUCT": ((dict,), "struct, but the input parameter is not of struct"),
}


class InvalidError(Exception):
    """InvalidArgument of the real server, with its words."""


def parse(text: str) -> dict[str, Any]:
    """Returns the pipeline's specification in an uploaded file."""
    found: dict[str, Any] | None = None
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise InvalidError(f"failed to parse pipeline spec YAML: {error}") from error
    for document in documents:
        if not _is_pipeline_spec(document):
            continue
        if found is not None:
            raise InvalidError("multiple pipeline specs provided")
        found = document
    if found is None:
        raise InvalidError("unknown template format")
    if found.get("schemaVersion") != "2.1.0":
        raise InvalidError(
            "KFP only supports schema version 2.1.0, but the pipeline spec has version "
            f"{found.get('schemaVersion', '')}"
        )
    if not PIPELINE_NAME.fullmatch(found["pipelineInfo"]["name"]):
        raise InvalidError(
            "pipeline's name must contain only lowercase alphanumeric characters or '-' and must "
            "start with alphanumeric characters"
        )
    return found


def _is_pipeline_spec(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    spec = pipeline_spec_pb2.PipelineSpec()
    try:
        json_format.ParseDict(document, spec)  # refuses unknown fields, as protojson does
    except json_format.ParseError:
        return False
    return bool(spec.pipeline_info.name) and spec.HasField("root")


def compile_run(spec: dict[str, Any]) -> None:
    """Refuses what the compiler to Argo refuses."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    for name, component in spec.get("components", {}).items():
        label = component.get("executorLabel")
        if label is None:
            continue
        if label not in executors:
            raise InvalidError(
                f'error processing component name="{name}": '
                f'executor(label="{label}") not found in deployment config'
            )
        if not {"container", "importer"} & set(executors[label]):
            raise InvalidError(
                f'error processing component name="{name}": executor(label="{label}"): '
                "non-container and non-importer executor not implemented"
            )
    for task in spec["root"].get("dag", {}).get("tasks", {}).values():
        component = spec["components"].get(task["componentRef"]["name"])
        if component is None:
            raise InvalidError(f'cannot find component ref name="{task["componentRef"]["name"]}"')
        importer = "importer" in executors.get(component.get("executorLabel", ""), {})
        if importer and task.get("triggerPolicy", {}).get("condition"):
            raise InvalidError("triggerPolicy.condition on importer task is not supported")


def check_parameters(spec: dict[str, Any], values: dict[str, Any]) -> None:
    """Refuses parameters that are missing, of another type, or too many."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, parameter in declared.items():
        if name not in values:
            if not parameter.get("isOptional") and "defaultValue" not in parameter:
                raise InvalidError(
                    f"parameter {name} is not optional, yet has neither default value nor user "
                    "provided value"
                )
            continue
        kinds, words = _TYPES[parameter["parameterType"]]
        value = values[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InvalidError(f"input parameter {name} requires type {words} value type")
    extra = [name for name in values if name not in declared]
    if extra:
        raise InvalidError(
            f"parameter(s) provided are not required by pipeline: {', '.join(extra)}"
        )
