"""Vertex AI Pipelines: stock TFX's compiled job, as it is, and the client that takes it.

Vertex runs what KubeflowV2DagRunner compiles, resolvers and all, so nothing of it is changed. Each
task is a machine of Google's, to which buckets are folders under /gcs; whatever else an argument
names must be in the image.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.submission.findings import Finding

_PATH = re.compile(r"(?:--?[\w-]+=)?(?:file://)?(/[\w.@+-][^\s:\"']*)")
_REGION = re.compile(r"[a-z]+(-[a-z]+)*\d*-?[a-z]+\d+")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VertexJob:
    """A job and where it goes.

    Attributes:
        job: As stock TFX compiles it.
        project: The Google Cloud project.
        region: Where it runs.
        root: Of its artifacts, `gs://…`.
        values: Parameters by name.
        service_account: Of its tasks; empty for the project's.
        cache: Whether results of equal tasks are used again; None for as it was compiled.
    """

    job: Mapping[str, Any]
    project: str
    region: str
    root: str
    values: Mapping[str, Any]
    service_account: str = ""
    cache: bool | None = None

    def arguments(self, path: Path, name: str) -> dict[str, Any]:
        """Returns what the client's PipelineJob is made with."""
        return {
            "display_name": name,
            "template_path": str(path),
            "pipeline_root": self.root,
            "parameter_values": dict(self.values),
            "enable_caching": self.cache,
            "project": self.project,
            "location": self.region,
        }

    def command(self, path: Path, name: str) -> str:
        """Returns a command that submits it, from any machine that has the client."""
        made = ", ".join(f"{key}={value!r}" for key, value in self.arguments(path, name).items())
        account = f"service_account={self.service_account!r}" if self.service_account else ""
        code = (
            f"from google.cloud import aiplatform; aiplatform.PipelineJob({made}).submit({account})"
        )
        return f"python -c {shlex.quote(code)}"


def compile_job(pipeline: Any, image: str, path: Path) -> dict[str, Any]:
    """Compiles a pipeline with stock TFX, writes the job to a file, and returns it.

    Args:
        pipeline: A TFX pipeline.
        image: The tasks' image.
        path: The file, JSON.
    """
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as stock

    runner = stock.KubeflowV2DagRunner(
        config=stock.KubeflowV2DagRunnerConfig(default_image=image),
        output_dir=str(path.parent),
        output_filename=path.name,
    )
    runner.run(pipeline)
    job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return job


def findings(vertex: VertexJob, image_folder: str) -> Iterator[Finding]:
    """Yields what would fail at Vertex."""
    if not re.fullmatch(r"gs://[^/]+(/.*)?", vertex.root):
        yield Finding(
            check="root",
            problem=f"Vertex writes to gs:// alone, received {vertex.root!r}.",
            remedy="Name a bucket: --root gs://BUCKET/FOLDER",
        )
    if not _PROJECT.fullmatch(vertex.project):
        yield Finding(
            check="project",
            problem=f"expected a Google Cloud project's id, received {vertex.project!r}.",
            remedy="Give it with --project.",
        )
    if not _REGION.fullmatch(vertex.region):
        yield Finding(
            check="region",
            problem=f"expected a region such as europe-west4, received {vertex.region!r}.",
            remedy="Give it with --region.",
        )
    yield from _paths(vertex.job, image_folder)


def declared(job: Mapping[str, Any]) -> dict[str, str]:
    """Returns the job's parameters, name to type: `int`, `float` or `str`."""
    kinds = {"INT": "int", "DOUBLE": "float", "STRING": "str"}
    kinds |= {"NUMBER_INTEGER": "int", "NUMBER_DOUBLE": "float", "BOOLEAN": "bool"}
    root = job.get("pipelineSpec", {}).get("root", {})
    found = root.get("inputDefinitions", {}).get("parameters", {})
    return {
        name: kinds.get(str(spec.get("type") or spec.get("parameterType")), "str")
        for name, spec in found.items()
    }


def _paths(job: Mapping[str, Any], image_folder: str) -> Iterator[Finding]:
    told: set[str] = set()
    # The job's own root gives way to the one that it is submitted with.
    config = {**job.get("runtimeConfig", {}), "gcsOutputDirectory": ""}
    for text in _texts({**job, "runtimeConfig": config}):
        match = _PATH.fullmatch(text)
        path = match[1] if match else ""
        good = (image_folder, "/gcs", "/dev")
        inside = any(path == folder or path.startswith(f"{folder}/") for folder in good)
        if path and not inside and path not in told:
            told.add(path)
            yield Finding(
                check="local paths",
                problem=f"an argument names {path}, which no machine of Vertex has.",
                remedy=f"Name a file under /gcs/BUCKET or in the image's {image_folder}, by --set.",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                yield from _texts(json.loads(value))
            except ValueError:
                yield value
        else:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def submit(vertex: VertexJob, path: Path, name: str) -> Any:
    """Submits a job that was written to a file; returns the client's PipelineJob.

    Whoever asks has to be known to Google Cloud (`gcloud auth application-default login`).
    """
    from google.cloud import aiplatform  # in the image through TFX; a second to import

    job = aiplatform.PipelineJob(**vertex.arguments(path, name))
    job.submit(service_account=vertex.service_account or None)
    return job
