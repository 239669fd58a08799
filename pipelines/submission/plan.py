"""What a submission would do, as plain values and as text; a dry run shows it and ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.lineage import url as store_url
from pipelines.runners.kubeflow.settings import METADATA_VARIABLE, Resources, Settings
from pipelines.submission import cron
from pipelines.submission.names import version_name

if TYPE_CHECKING:
    from pipelines.runners.kubeflow.compiler import CompiledPipeline

_SECRET_WORDS = ("PASSWORD", "SECRET", "TOKEN", "KEY")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A submission, decided to the last detail.

    Attributes:
        compiled: The pipeline.
        settings: Where and how its tasks run.
        content: The compiled pipeline as YAML, which is what is uploaded.
        values: The parameters that were given.
        name: Of the run, the submission's id in it, or of the schedule.
        experiment: The experiment's name.
        namespace: Whose run it is; empty on a server of a single user.
        schedule: A cron expression of five fields; empty for one run.
        server_root: The server's own root for what it keeps of the tasks; empty for its default.
        host: The server's address; empty where none is known.
    """

    compiled: CompiledPipeline
    settings: Settings
    content: str
    values: Mapping[str, Any]
    name: str
    experiment: str
    namespace: str = ""
    schedule: str = ""
    server_root: str = ""
    host: str = ""

    @property
    def version(self) -> str:
        """The name of the version that the content makes."""
        return version_name(self.compiled.name, self.content)

    def to_dict(self) -> dict[str, Any]:
        """Returns the plan as JSON values, secrets left out."""
        settings = self.settings
        return {
            "pipeline": self.compiled.name,
            "version": self.version,
            "name": self.name,
            "experiment": self.experiment,
            "namespace": self.namespace,
            "host": self.host,
            "schedule": self.schedule,
            "image": settings.image,
            "root": settings.pipeline_root or f"{settings.workspace}/pipelines",
            "workspace": settings.workspace,
            "metadata": _metadata(settings),
            "service_account": settings.service_account,
            "cache": settings.cache,
            "volumes": [f"{volume.claim}:{volume.path}" for volume in settings.volumes],
            "env": {name: _shown(name, value) for name, value in settings.env.items()},
            "parameters": self.parameters(),
            "nodes": [
                {
                    "task": task,
                    "node": node,
                    "after": list(self.compiled.upstream.get(task, ())),
                    "resources": _resources(settings.resources_of(node)),
                }
                for task, node in self.compiled.tasks.items()
            ],
            "calls": list(self.calls()),
        }

    def parameters(self) -> dict[str, Any]:
        """Returns every parameter with the value that it gets."""
        return {
            name: self.values.get(name, parameter.default)
            for name, parameter in self.compiled.parameters.items()
        }

    def calls(self) -> Iterator[str]:
        """Yields what would be asked of the server, in order."""
        yield f"experiment {self.experiment!r}: created unless it is there"
        yield f"pipeline {self.compiled.name!r}: created unless it is there"
        yield f"version {self.version!r}: uploaded unless it is there ({len(self.content):,} bytes)"
        if self.schedule:
            yield (
                f"recurring run {self.name!r}: put in the place of the one of that name, "
                f"at {cron.for_server(self.schedule)!r} (seconds first, the server's clock)"
            )
        else:
            yield f"run {self.name!r}: started"

    def text(self) -> str:
        """Returns the plan for a reader."""
        told = self.to_dict()
        lines = [f"pipeline {told['pipeline']}, {len(told['nodes'])} tasks"]
        shown = ("host", "namespace", "image", "root", "workspace", "metadata", "service_account")
        lines += [f"  {key.replace('_', ' '):<16}{told[key]}" for key in shown if told[key]]
        lines.append(f"  {'cache':<16}{'on' if told['cache'] else 'off'}")
        lines += [f"  {'volume':<16}{volume}" for volume in told["volumes"]]
        lines += [f"  {'env':<16}{name}={value}" for name, value in told["env"].items()]
        lines.append("parameters" if told["parameters"] else "no parameters")
        lines += [
            f"  {name} = {value!r}" + ("" if name in self.values else "  (default)")
            for name, value in told["parameters"].items()
        ]
        lines.append("tasks")
        width = max(len(node["task"]) for node in told["nodes"])
        for node in told["nodes"]:
            after = f"after {', '.join(node['after'])}" if node["after"] else "first"
            resources = f"  [{node['resources']}]" if node["resources"] else ""
            lines.append(f"  {node['task']:<{width}}  {after}{resources}")
        lines.append("calls")
        lines += [f"  {call}" for call in told["calls"]]
        return "\n".join(lines)


def _metadata(settings: Settings) -> str:
    secret = settings.metadata_secret
    if secret is not None:
        return f"secret {secret.name}, key {secret.key}"
    url = settings.env.get(METADATA_VARIABLE) or (f"sqlite:///{settings.workspace}/metadata.sqlite")
    return store_url.mask(url)


def _resources(resources: Resources) -> str:
    parts = [f"cpu {resources.cpu}"] if resources.cpu else []
    parts += [f"memory {resources.memory}"] if resources.memory else []
    parts += [f"{resources.gpu} of {resources.gpu_kind}"] if resources.gpu else []
    return ", ".join(parts)


def _shown(name: str, value: str) -> str:
    if any(word in name.upper() for word in _SECRET_WORDS):
        return "***"
    return store_url.mask(value)
