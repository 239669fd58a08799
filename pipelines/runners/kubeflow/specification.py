"""The documents that Kubeflow Pipelines v2 reads: PipelineSpec and PlatformSpec, as plain data.

Knows the format and nothing of TFX: what tasks there are and what each is told comes from
`compiler`.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.errors import UsageError
from pipelines.runners.kubeflow.settings import Parameter, Resources, Secret, Settings

SCHEMA_VERSION = "2.1.0"
COMMAND = ("python", "-m", "pipelines.runners.kubeflow.task")
SUMMARY = "summary"
RUN = "ringway_run"  # a task's input: the UUID under which the server knows the run
REMOTE_SCHEMES = ("gs://", "s3://", "minio://")
_NODES = "nodes"
_KINDS = {
    "int": "NUMBER_INTEGER",
    "float": "NUMBER_DOUBLE",
    "str": "STRING",
    "bool": "BOOLEAN",
}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]i?|)")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One task.

    Attributes:
        name: Its name among the tasks.
        args: What its command line is told.
        upstream: Names of the tasks that must have succeeded.
        parameters: Names of the parameters that it takes.
        resources: What its container may use.
    """

    name: str
    args: tuple[str, ...]
    upstream: tuple[str, ...]
    parameters: tuple[str, ...]
    resources: Resources


def pipeline_spec(
    name: str,
    tasks: Sequence[TaskSpec],
    parameters: Mapping[str, Parameter],
    settings: Settings,
) -> dict[str, Any]:
    """Returns the PipelineSpec of some tasks.

    Args:
        name: The pipeline's name.
        tasks: In topological order. With `settings.exit_handler` the last one runs in any case.
        parameters: The pipeline's, by name.
        settings: Image, environment and all else that the tasks share.
    """
    components = {f"comp-{task.name}": _component(task, parameters) for task in tasks}
    root: dict[str, Any] = {"dag": {"tasks": _dag(tasks, settings)}}
    if settings.exit_handler:
        *before, last = tasks
        components[f"comp-{_NODES}"] = {
            "dag": {"tasks": _dag(before, settings)},
            **_inputs(parameters, with_defaults=False),
        }
        root = {"dag": {"tasks": _guarded(last, parameters, settings)}}
    root |= _inputs(parameters, with_defaults=True)
    spec = {
        "pipelineInfo": {"name": name},
        "schemaVersion": SCHEMA_VERSION,
        "sdkVersion": f"kfp-{importlib.metadata.version('kfp')}",
        "components": components,
        "deploymentSpec": {
            "executors": {f"exec-{task.name}": _executor(task, settings) for task in tasks}
        },
        "root": root,
    }
    if settings.pipeline_root.startswith(REMOTE_SCHEMES):
        spec["defaultPipelineRoot"] = settings.pipeline_root
    return spec


def platform_spec(tasks: Sequence[TaskSpec], settings: Settings) -> dict[str, Any] | None:
    """Returns the PlatformSpec of some tasks; None where they need nothing of Kubernetes' own."""
    config = _kubernetes(settings)
    if not config:
        return None
    executors = {f"exec-{task.name}": config for task in tasks}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _component(task: TaskSpec, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    taken = {name: parameters[name] for name in task.parameters}
    markdown = {"schemaTitle": "system.Markdown", "schemaVersion": "0.0.1"}
    return {
        "executorLabel": f"exec-{task.name}",
        **_inputs({RUN: Parameter(name=RUN, type="str"), **taken}, with_defaults=False),
        "outputDefinitions": {"artifacts": {SUMMARY: {"artifactType": markdown}}},
    }


def _inputs(parameters: Mapping[str, Parameter], *, with_defaults: bool) -> dict[str, Any]:
    defined: dict[str, Any] = {}
    for name, parameter in parameters.items():
        defined[name] = {"parameterType": _KINDS[parameter.type]}
        if with_defaults and parameter.default is not None:
            defined[name] |= {"defaultValue": parameter.default, "isOptional": True}
    return {"inputDefinitions": {"parameters": defined}} if defined else {}


def _dag(tasks: Sequence[TaskSpec], settings: Settings) -> dict[str, Any]:
    return {task.name: _task(task, settings) for task in tasks}


def _task(task: TaskSpec, settings: Settings) -> dict[str, Any]:
    spec = _reference(task.name, task.parameters)
    # What tells the run is put in place in a task's inputs, and nowhere else.
    uuid = {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}
    spec.setdefault("inputs", {}).setdefault("parameters", {})[RUN] = uuid
    spec["cachingOptions"] = {}  # what is reused is decided by ML Metadata
    if task.upstream:
        spec["dependentTasks"] = list(task.upstream)
    if settings.retries:
        spec["retryPolicy"] = {
            "maxRetryCount": settings.retries,
            "backoffDuration": "10s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "600s",
        }
    return spec


def _reference(name: str, parameters: Sequence[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}}
    if parameters:
        handed_on = {key: {"componentInputParameter": key} for key in parameters}
        spec["inputs"] = {"parameters": handed_on}
    return spec


def _guarded(
    last: TaskSpec, parameters: Mapping[str, Parameter], settings: Settings
) -> dict[str, Any]:
    # An exit handler waits for a task, so all other tasks become one.
    handler = _task(dataclasses.replace(last, upstream=(_NODES,)), settings)
    handler["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    return {_NODES: _reference(_NODES, tuple(parameters)), last.name: handler}


def _executor(task: TaskSpec, settings: Settings) -> dict[str, Any]:
    container: dict[str, Any] = {
        "image": settings.image,
        "command": list(COMMAND),
        "args": list(task.args),
        "env": [{"name": name, "value": value} for name, value in _environment(settings).items()],
    }
    if resources := _resources(task.resources):
        container["resources"] = resources
    return {"container": container}


def _environment(settings: Settings) -> dict[str, str]:
    own = settings.env.get("PYTHONPATH")
    return {
        **settings.env,
        "PYTHONPATH": f"{settings.image_folder}:{own}" if own else settings.image_folder,
        "RINGWAY_HOME": settings.workspace,
    }


def _resources(resources: Resources) -> dict[str, Any]:
    # Servers before 2.4 read the numbers, later ones the texts.
    spec: dict[str, Any] = {}
    if resources.cpu:
        spec |= {"cpuLimit": cores(resources.cpu), "resourceCpuLimit": resources.cpu}
    if resources.memory:
        spec |= {"memoryLimit": gigabytes(resources.memory)}
        spec |= {"resourceMemoryLimit": resources.memory}
    if resources.gpu:
        kind, count = resources.gpu_kind, str(resources.gpu)
        spec["accelerator"] = {
            "type": kind,
            "count": count,
            "resourceType": kind,
            "resourceCount": count,
        }
    return spec


def cores(quantity: str) -> float:
    """Returns a number of cores: 0.5 for `500m`.

    Raises:
        UsageError: It is no quantity of cores.
    """
    match = _CPU.fullmatch(quantity)
    if not match:
        raise UsageError(f"cpu: expected a quantity such as 2 or 500m, received {quantity!r}.")
    return float(match[1]) / (1000 if match[2] else 1)


def gigabytes(quantity: str) -> float:
    """Returns an amount of memory in 10^9 bytes: 8.0 for `8G`.

    Raises:
        UsageError: It is no amount of memory.
    """
    match = _MEMORY.fullmatch(quantity)
    if not match:
        raise UsageError(f"memory: expected a quantity such as 8G or 512Mi, received {quantity!r}.")
    power = " KMGTP".index(match[2][:1] or " ")
    return float(match[1]) * (1024 if match[2].endswith("i") else 1000) ** power / 1e9


def _kubernetes(settings: Settings) -> dict[str, Any]:
    metadata = (settings.metadata_secret,) if settings.metadata_secret else ()
    config = {
        "secretAsEnv": [_secret(secret) for secret in (*metadata, *settings.secrets)],
        "pvcMount": [
            {
                "constant": volume.claim,
                "mountPath": volume.path,
                "pvcNameParameter": _constant(volume.claim),
            }
            for volume in settings.volumes
        ],
        "nodeSelector": {"labels": dict(settings.node_selector)} if settings.node_selector else {},
        "tolerations": [
            {key: value for key, value in dataclasses.asdict(toleration).items() if value}
            for toleration in settings.tolerations
        ],
        "imagePullSecret": [
            {"secretName": name, "secretNameParameter": _constant(name)}
            for name in settings.image_pull_secrets
        ],
    }
    return {key: value for key, value in config.items() if value}


def _secret(secret: Secret) -> dict[str, Any]:
    return {
        "secretName": secret.name,
        "secretNameParameter": _constant(secret.name),
        "keyToEnv": [{"secretKey": secret.key, "envVar": secret.variable or secret.key}],
    }


def _constant(text: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": text}}
