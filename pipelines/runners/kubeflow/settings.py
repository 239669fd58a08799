"""How a pipeline is laid out on a cluster: image, storage, secrets, resources, parameters.

Plain frozen values; nothing here imports TFX or kfp. Making a specification of them is left to
`compiler`, asking whether they make sense for a server to `pipelines.submission`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

from pipelines.errors import RingwayError, UsageError

METADATA_VARIABLE = "RINGWAY_METADATA_URL"
EVERY_NODE = "*"
BEGIN = "begin"
FINISH = "finish"
_MAX_TASK_NAME = 100

ParameterType = Literal["int", "float", "str", "bool"]
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a node's container may use; an empty value leaves it to the cluster.

    Attributes:
        cpu: Cores, as Kubernetes writes them: `2`, `500m`.
        memory: Memory, as Kubernetes writes it: `8G`, `512Mi`.
        gpu: How many accelerators.
        gpu_kind: The accelerator's resource name.
    """

    cpu: str = ""
    memory: str = ""
    gpu: int = 0
    gpu_kind: str = "nvidia.com/gpu"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volume:
    """A claim that every task mounts.

    Attributes:
        claim: Name of the PersistentVolumeClaim.
        path: Where it is mounted.
    """

    claim: str
    path: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Secret:
    """An environment variable that comes from a Kubernetes secret.

    Attributes:
        name: The secret.
        key: The key in it.
        variable: The variable; the key's name where empty.
    """

    name: str
    key: str = METADATA_VARIABLE
    variable: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toleration:
    """A taint that tasks tolerate; fields as in Kubernetes.

    Attributes:
        key: The taint's key.
        operator: `Exists` or `Equal`.
        value: The taint's value; empty with `Exists`.
        effect: `NoSchedule`, `PreferNoSchedule`, `NoExecute`, or empty for all.
    """

    key: str
    operator: str = "Exists"
    value: str = ""
    effect: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """What a parameter changes in a node.

    Attributes:
        node: The node's id.
        property: The exec property.
        path: Where in the property's JSON; empty for the property as a whole.
        mixes: Whether the value is not written there but mixed into the text that stands there, a
            key under which results are reused, say, whenever it is not the default.
    """

    node: str
    property: str
    path: tuple[str, ...] = ()
    mixes: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that is chosen when a run is started.

    Attributes:
        name: Its name.
        type: `int`, `float`, `str` or `bool`.
        default: Its value where none is given; None where one must be given.
        targets: What it changes; empty for a RuntimeParameter of the pipeline, which stands in the
            pipeline itself.
    """

    name: str
    type: ParameterType
    default: Any = None
    targets: tuple[Target, ...] = ()

    def __post_init__(self) -> None:
        if self.default is not None and not self.accepts(self.default):
            raise UsageError(
                f"Parameter {self.name}: expected a default of type {self.type}, "
                f"received {self.default!r}."
            )

    def accepts(self, value: object) -> bool:
        """Whether a value has this parameter's type."""
        is_bool = isinstance(value, bool)
        return isinstance(value, _PYTHON_TYPES[self.type]) and is_bool == (self.type == "bool")

    def typed(self, value: Any) -> Any:
        """Returns a value as it came in JSON, where each number is a double, in this type.

        Raises:
            RingwayError: It has another type.
        """
        if self.type == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)
        if self.type == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not self.accepts(value):
            raise RingwayError(
                f"Parameter {self.name}: expected {self.type}, received {value!r}.",
                remedy="Start the run with a value of that type.",
            )
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Where and how the tasks of a pipeline run.

    Attributes:
        image: The image of every task; it holds the repository and the stack.
        pipeline_root: Under which artifacts are written, each pipeline in a folder of its name:
            `s3://`, `minio://`, `gs://`, or a folder on a volume. Empty for the pipeline's own.
        workspace: Folder of pushed models, made data and rollouts, as the tasks see it
            (RINGWAY_HOME). It has to lie on a volume for them to outlive a task.
        image_folder: Where the repository lies in the image.
        metadata_secret: Where RINGWAY_METADATA_URL comes from; None where `env` has it.
        secrets: Further variables from secrets, an object store's credentials say.
        env: Further environment variables.
        service_account: The tasks' service account; empty for the server's default.
        volumes: What every task mounts.
        image_paths: Further folders of the image, under which paths may be named.
        resources: By node id; `*` for nodes without an entry.
        node_selector: Labels that a task's machine must have.
        tolerations: Taints that tasks tolerate.
        image_pull_secrets: Secrets with which the image is pulled.
        cache: Whether results in ML Metadata are used again.
        exit_handler: Whether `finish` runs after a failure too; needs a server that knows it.
        retries: How often a task that fails is tried again.
        fail_on: Least severity of an anomaly in the data that stops a run.
        trigger: What starts the runs; recorded with each.
        log_level: Of the tasks' logs.
    """

    image: str
    pipeline_root: str = ""
    workspace: str = "/ringway-home"
    image_folder: str = "/opt/ringway"
    metadata_secret: Secret | None = None
    secrets: tuple[Secret, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    service_account: str = ""
    volumes: tuple[Volume, ...] = ()
    image_paths: tuple[str, ...] = ()
    resources: Mapping[str, Resources] = dataclasses.field(default_factory=dict)
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    cache: bool = True
    exit_handler: bool = False
    retries: int = 0
    fail_on: Literal["error", "warning", "never"] = "error"
    trigger: str = "submitted"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __post_init__(self) -> None:
        for name in ("workspace", "image_folder"):
            if not getattr(self, name).startswith("/"):
                raise UsageError(
                    f"{name}: expected an absolute path, received {getattr(self, name)!r}."
                )

    def resources_of(self, node_id: str) -> Resources:
        """Returns what a node's container may use."""
        return self.resources.get(node_id) or self.resources.get(EVERY_NODE) or Resources()


def run_name(pipeline: str, job_uuid: str) -> str:
    """Returns the name in ML Metadata of a run that a server knows by a UUID."""
    return f"{pipeline}-{job_uuid}"


def task_name(node_id: str) -> str:
    """Returns the name of a node's task, such as `statistics-gen` for `StatisticsGen`.

    Argo takes letters, digits and dashes, and adds names that end in `-driver` by itself.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", node_id).lower()
    name = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:_MAX_TASK_NAME].strip("-")
    if not name[:1].isalpha():
        name = f"node-{name}".strip("-")
    return f"{name}-node" if name.endswith("-driver") else name
