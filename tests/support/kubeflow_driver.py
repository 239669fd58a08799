"""What Kubeflow's server and driver decide about a task, in Python and without a cluster.

Parameters of a run are checked, inputs resolved, places for outputs given, placeholders known.
Pure, after kubeflow/pipelines' backend/src/apiserver/template, backend/src/v2/driver/resolve.go and
driver.go. Conditions, iterators and importers are left out: no pipeline of ours has any.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LOGS = "executor-logs"
_LOCAL_ROOTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
_KINDS: dict[str, tuple[type, ...]] = {
    "NUMBER_DOUBLE": (int, float),
    "NUMBER_INTEGER": (int, float),
    "STRING": (str,),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


class RefusedError(Exception):
    """What the server, the driver or the launcher would refuse, and why."""


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What placeholders tell of a run.

    Attributes:
        uuid: The run's id on the server.
        name: The name of its workflow.
        display_name: What the user called it.
        created: When, in RFC 3339.
    """

    uuid: str
    name: str
    display_name: str
    created: str = "2026-01-01T00:00:00Z"


@dataclasses.dataclass
class Outputs:
    """What a task has put out: parameters, and artifacts as RuntimeArtifacts."""

    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


def run_parameters(root: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a run's parameters, defaults included, or says why the server takes them not."""
    declared = root.get("inputDefinitions", {}).get("parameters", {})
    if extra := sorted(set(given) - set(declared)):
        raise RefusedError(f"parameter(s) provided are not required by pipeline: {extra}")
    values: dict[str, Any] = {}
    for name, spec in declared.items():
        if name in given:
            if not is_of(given[name], spec.get("parameterType")):
                raise RefusedError(f"input parameter {name} requires {spec.get('parameterType')}")
            values[name] = given[name]
        elif spec.get("defaultValue") is not None:
            values[name] = spec["defaultValue"]
        elif not spec.get("isOptional"):
            raise RefusedError(f"parameter {name} is not optional, yet has neither default value")
    return values


def resolve_inputs(
    task: Mapping[str, Any],
    component: Mapping[str, Any],
    outer: Mapping[str, Any],
    done: Mapping[str, Outputs],
    states: Mapping[str, str],
    info: RunInfo,
) -> dict[str, Any]:
    """Returns `inputs` of a task's ExecutorInput.

    Args:
        task: The PipelineTaskSpec.
        component: The ComponentSpec that it runs.
        outer: Parameters of the DAG that the task belongs to.
        done: What the tasks of that DAG have put out.
        states: How they ended.
        info: What placeholders tell.
    """
    given = task.get("inputs", {})
    name = task.get("taskInfo", {}).get("name")
    if not name:
        raise RefusedError("task spec is required: taskInfo.name is empty")
    values = {
        key: _value(spec, outer, done, states, info, task)
        for key, spec in given.get("parameters", {}).items()
    }
    artifacts = {
        key: {"artifacts": [_artifact(spec, done)]}
        for key, spec in given.get("artifacts", {}).items()
    }
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    for key, spec in declared.items():
        if key in values:
            values[key] = _converted(key, values[key], spec.get("parameterType"))
        elif not spec.get("isOptional") and spec.get("defaultValue") is None:
            raise RefusedError(f"neither value nor default value provided for parameter {key!r}")
    return {"parameterValues": values, "artifacts": artifacts}


def _value(
    spec: Mapping[str, Any],
    outer: Mapping[str, Any],
    done: Mapping[str, Outputs],
    states: Mapping[str, str],
    info: RunInfo,
    task: Mapping[str, Any],
) -> Any:
    if "componentInputParameter" in spec:
        name = spec["componentInputParameter"]
        if name not in outer:
            raise RefusedError(f"parent DAG does not have input parameter {name}")
        return outer[name]
    if "taskOutputParameter" in spec:
        source = spec["taskOutputParameter"]
        return done[source["producerTask"]].parameters[source["outputParameterKey"]]
    if "taskFinalStatus" in spec:
        producer = task["dependentTasks"][0]
        return {
            "state": "COMPLETE" if states[producer] == "Succeeded" else "FAILED",
            "pipelineTaskName": producer,
            "pipelineJobResourceName": info.name,
            "error": {},
        }
    if "constant" not in spec.get("runtimeValue", {}):
        raise RefusedError(f"parameter spec {dict(spec)} not implemented")
    return _constant(spec["runtimeValue"]["constant"], info, task["taskInfo"]["name"])


def _constant(constant: Any, info: RunInfo, task_name: str) -> Any:
    told = {
        "{{$.pipeline_job_name}}": info.display_name,
        "{{$.pipeline_job_resource_name}}": info.name,
        "{{$.pipeline_job_uuid}}": info.uuid,
        "{{$.pipeline_task_name}}": task_name,
        "{{$.pipeline_job_create_time_utc}}": info.created,
    }
    return told.get(constant, constant) if isinstance(constant, str) else constant


def _artifact(spec: Mapping[str, Any], done: Mapping[str, Outputs]) -> dict[str, Any]:
    source = spec.get("taskOutputArtifact")
    if not source:
        raise RefusedError(f"artifact spec {dict(spec)} not implemented")
    return dict(done[source["producerTask"]].artifacts[source["outputArtifactKey"]])


def _converted(name: str, value: Any, kind: str | None) -> Any:
    if kind == "STRING":
        return value if isinstance(value, str) else text_of(value)
    if kind not in {"TASK_FINAL_STATUS", "TASK_CONFIG"} and not is_of(value, kind):
        raise RefusedError(f"input parameter {name!r} type mismatch: expect {kind}, got {value!r}")
    return value


def provision_outputs(
    component: Mapping[str, Any], task_root: str, folder: str, *, publish_logs: bool
) -> dict[str, Any]:
    """Returns `outputs` of a task's ExecutorInput.

    Args:
        component: The ComponentSpec.
        task_root: The URI under which the task's artifacts are kept.
        folder: The root of the container's file system on this machine.
        publish_logs: Whether the server keeps logs as an artifact, as it does by default.
    """
    declared = component.get("outputDefinitions", {})
    kinds = {name: spec["artifactType"] for name, spec in declared.get("artifacts", {}).items()}
    if publish_logs:
        kinds[LOGS] = {"schemaTitle": "system.Artifact"}
    return {
        "artifacts": {
            name: {"artifacts": [{"name": name, "uri": f"{task_root}/{name}", "type": kind}]}
            for name, kind in kinds.items()
        },
        "parameters": {
            name: {"outputFile": f"{folder}/tmp/kfp/outputs/{name}"}
            for name in declared.get("parameters", {})
        },
        "outputFile": f"{local_path(task_root, folder)}/output_metadata.json",
    }


def with_defaults(executor_input: Mapping[str, Any], component: Mapping[str, Any]) -> Any:
    """Returns an ExecutorInput with the component's defaults, as the launcher adds them."""
    filled = json.loads(json.dumps(executor_input))
    for name, spec in component.get("inputDefinitions", {}).get("parameters", {}).items():
        if spec.get("defaultValue") is not None:
            filled["inputs"]["parameterValues"].setdefault(name, spec["defaultValue"])
    return filled


def qualified_logs(executor_input: Mapping[str, Any], retry: int) -> Any:
    """Returns an ExecutorInput whose logs are those of one attempt."""
    qualified = json.loads(json.dumps(executor_input))
    for artifact in qualified["outputs"]["artifacts"].get(LOGS, {}).get("artifacts", []):
        artifact["uri"] += f"-{retry}"
    return qualified


def command_line(
    container: Mapping[str, Any], executor_input: Mapping[str, Any], folder: str
) -> list[str]:
    """Returns what the launcher executes: the first word as written, the others filled."""
    words = [*container.get("command", []), *container.get("args", [])]
    if not words:
        raise RefusedError("command and arguments are empty")
    return [words[0], *(filled(word, executor_input, folder) for word in words[1:])]


def filled(word: str, executor_input: Mapping[str, Any], folder: str) -> str:
    """Returns a word with its placeholders filled, `{{$}}` first, then whatever then stands."""
    word = word.replace("{{$}}", json.dumps(plain(executor_input), ensure_ascii=False))
    for placeholder, value in _placeholders(executor_input, folder):
        word = word.replace(placeholder, value)
    return word


def _placeholders(executor_input: Mapping[str, Any], folder: str) -> Iterator[tuple[str, str]]:
    for side in ("inputs", "outputs"):
        for name, listed in executor_input[side].get("artifacts", {}).items():
            uri = listed["artifacts"][0]["uri"]
            yield f"{{{{$.{side}.artifacts['{name}'].uri}}}}", uri
            yield f"{{{{$.{side}.artifacts['{name}'].path}}}}", local_path(uri, folder)
    for name, value in executor_input["inputs"].get("parameterValues", {}).items():
        yield f"{{{{$.inputs.parameters['{name}']}}}}", text_of(value)
    for name, spec in executor_input["outputs"].get("parameters", {}).items():
        yield f"{{{{$.outputs.parameters['{name}'].output_file}}}}", spec["outputFile"]


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """Returns a word as Kubernetes hands it over: `$(NAME)` replaced, `$$` halved."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replace, word)


def local_path(uri: str, folder: str) -> str:
    """Returns where an artifact lies in a container whose root is a folder of this machine."""
    for scheme, root in _LOCAL_ROOTS.items():
        if uri.startswith(scheme):
            return folder + root + uri.removeprefix(scheme)
    raise RefusedError(f"failed to generate local path for URI {uri}: unsupported storage scheme")


def text_of(value: Any) -> str:
    """Returns a parameter's value as placeholders show it."""
    if isinstance(value, str):
        return value
    return json.dumps(plain(value), separators=(",", ":"))


def plain(value: Any) -> Any:
    """Returns a value as protojson writes it: whole numbers without a fraction."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_of(value: Any, kind: str | None) -> bool:
    """Whether a value has a parameter's type."""
    if isinstance(value, bool):
        return kind == "BOOLEAN"
    return isinstance(value, _KINDS.get(kind or "", ()))
