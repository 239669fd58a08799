"""What a user asks of a submission, read from texts as a command line gives them.

    --gpu Trainer=1:nvidia.com/gpu   --memory Trainer=8G   --cpu '*=2'
    --volume ringway:/ringway-home   --metadata-secret store:url   --env NAME=VALUE

Only the form of each is looked at here; whether they fit the pipeline is left to `checks`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from pipelines.errors import UsageError
from pipelines.runners.kubeflow.settings import (
    METADATA_VARIABLE,
    Resources,
    Secret,
    Settings,
    Volume,
)

# Kubernetes: apimachinery/pkg/api/resource, and validation of names.
_QUANTITY = re.compile(r"\d+(\.\d+)?([kMGTPE]i?|Ki|m)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GPU = re.compile(r"(?P<count>[1-9]\d*)(:(?P<kind>[a-z0-9.-]+/[a-zA-Z0-9._-]+))?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """Where a pipeline goes and what its tasks need.

    Attributes:
        image: Reference of the tasks' image.
        root: Where artifacts go; empty for the pipeline's own folder in the workspace.
        workspace: Folder of pushed models, made data and rollouts, as tasks see it.
        image_folder: Where the repository lies in the image.
        gpus: `NODE=N[:KIND]`.
        memory: `NODE=8G`.
        cpus: `NODE=2`.
        volumes: `CLAIM:/path`.
        metadata_secret: `NAME[:KEY]`; empty without one.
        secrets: `VARIABLE=NAME[:KEY]`.
        env: `NAME=VALUE`.
        service_account: Of the tasks.
        pull_secrets: Names of secrets with which the image is pulled.
        retries: How often a failed task is tried again.
        cache: Whether results in ML Metadata are used again.
        exit_handler: Whether the last task runs after a failure too.
    """

    image: str = ""
    root: str = ""
    workspace: str = "/ringway-home"
    image_folder: str = "/opt/ringway"
    gpus: Sequence[str] = ()
    memory: Sequence[str] = ()
    cpus: Sequence[str] = ()
    volumes: Sequence[str] = ()
    metadata_secret: str = ""
    secrets: Sequence[str] = ()
    env: Sequence[str] = ()
    service_account: str = ""
    pull_secrets: Sequence[str] = ()
    retries: int = 0
    cache: bool = True
    exit_handler: bool = False

    def settings(self, trigger: str = "submitted") -> Settings:
        """Returns the same as settings of the tasks.

        Args:
            trigger: What starts the runs; recorded with each.

        Raises:
            UsageError: A text does not have the form that its option asks for.
        """
        return Settings(
            image=self.image,
            pipeline_root=self.root.rstrip("/"),
            workspace=self.workspace.rstrip("/") or "/",
            image_folder=self.image_folder.rstrip("/") or "/",
            metadata_secret=_metadata_secret(self.metadata_secret),
            secrets=tuple(_secret(text) for text in self.secrets),
            env=dict(_variable(text) for text in self.env),
            service_account=self.service_account,
            volumes=tuple(_volume(text) for text in self.volumes),
            resources=_resources(self.gpus, self.memory, self.cpus),
            cache=self.cache,
            exit_handler=self.exit_handler,
            retries=self.retries,
            image_pull_secrets=tuple(self.pull_secrets),
            trigger=trigger,
        )


def key_value(option: str, text: str) -> tuple[str, str]:
    """Returns both sides of the first `=`.

    Raises:
        UsageError: There is none, or nothing before it.
    """
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise UsageError(f"{option} {text}: expected NAME=VALUE.")
    return key, value


def _resources(
    gpus: Sequence[str], memory: Sequence[str], cpus: Sequence[str]
) -> Mapping[str, Resources]:
    found: dict[str, Resources] = {}
    readers: tuple[tuple[str, Sequence[str], Callable[[str, str], Mapping[str, object]]], ...] = (
        ("--gpu", gpus, _gpu),
        ("--memory", memory, lambda option, text: {"memory": _quantity(option, text)}),
        ("--cpu", cpus, lambda option, text: {"cpu": _quantity(option, text)}),
    )
    for option, texts, read in readers:
        for text in texts:
            node, value = key_value(option, text)
            changes: dict[str, object] = dict(read(f"{option} {text}", value))
            found[node] = dataclasses.replace(found.get(node, Resources()), **changes)  # type: ignore[arg-type]
    return found


def _gpu(option: str, text: str) -> Mapping[str, object]:
    match = _GPU.fullmatch(text)
    if match is None:
        raise UsageError(f"{option}: expected NODE=N or NODE=N:KIND, such as Trainer=1.")
    return {"gpu": int(match["count"]), **({"gpu_kind": match["kind"]} if match["kind"] else {})}


def _quantity(option: str, text: str) -> str:
    if not _QUANTITY.fullmatch(text):
        raise UsageError(f"{option}: expected NODE=AMOUNT, such as Trainer=8G, 512Mi, 2 or 500m.")
    return text


def _volume(text: str) -> Volume:
    claim, _, path = text.partition(":")
    if not _NAME.fullmatch(claim) or not path.startswith("/") or path.rstrip("/") == "":
        raise UsageError(f"--volume {text}: expected CLAIM:/path, such as ringway:/ringway-home.")
    return Volume(claim=claim, path=path.rstrip("/"))


def _metadata_secret(text: str) -> Secret | None:
    if not text:
        return None
    return _secret(f"{METADATA_VARIABLE}={text}", option="--metadata-secret")


def _secret(text: str, option: str = "--secret") -> Secret:
    variable, value = key_value(option, text)
    name, _, key = value.partition(":")
    if not _NAME.fullmatch(name) or not _VARIABLE.fullmatch(variable):
        raise UsageError(f"{option} {value}: expected a secret's name, and its key after a colon.")
    return Secret(name=name, key=key or variable, variable=variable)


def _variable(text: str) -> tuple[str, str]:
    name, value = key_value("--env", text)
    if not _VARIABLE.fullmatch(name):
        raise UsageError(f"--env {text}: {name!r} is no variable's name.")
    return name, value
