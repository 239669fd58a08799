"""`ringway submit --target vertex`: stock TFX's job, checked, written and handed over."""

from __future__ import annotations

import dataclasses
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import config as configuration
from pipelines.cli.submit_shown import Shown
from pipelines.cli.terminal import captured_output
from pipelines.errors import RingwayError, UsageError
from pipelines.submission import checks, compiling, names, parameters
from pipelines.submission.asked import Asked
from pipelines.submission.findings import Finding, raise_serious
from pipelines.submission.snapshot import Snapshot

if TYPE_CHECKING:
    from pipelines.submission.vertex import VertexJob

# What a stock job has no place for.
_NOT_THERE = (
    "gpus", "memory", "cpus", "volumes", "secrets", "env", "pull_secrets", "retries",
    "exit_handler", "metadata_secret", "schedule", "unschedule", "host", "namespace",
)  # fmt: skip


def run(pipeline: str, given: Mapping[str, Any], asked: Asked, shown: Shown) -> int:
    """Compiles, checks and writes the job; submits it unless that was a dry run."""
    from pipelines.cli.submit import log_path
    from pipelines.submission import vertex

    _refuse(given)
    name = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(given["output"] or Path(folder) / "job.json").absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        with captured_output(log_path(pipeline)):
            made = _made(pipeline, given, asked)
            job = vertex.compile_job(made, asked.image, path)
        settled, found = _settled(job, given, asked)
        name = names.run_name(
            given["run_name"], str(job["displayName"]), time.time(), secrets.token_hex(4)
        )
        if given["output"]:
            shown.note(f"written to {path}")
        shown.findings(found)
        shown.told(command=settled.command(path, name), parameters=dict(settled.values))
        if given["dry_run"]:
            shown.to_mend(found)
            shown.note(f"would be submitted by: {settled.command(path, name)}")
            return 2 if any(finding.serious for finding in found) else 0
        raise_serious(found)
        return _submit(settled, path, name, given, shown)


def _refuse(given: Mapping[str, Any]) -> None:
    extra = [f"--{name.replace('_', '-')}" for name in _NOT_THERE if given[name]]
    if extra:
        raise UsageError(
            f"{', '.join(extra)}: a job for Vertex is stock TFX's, which has no place for it.",
            remedy="Leave it out; resources are set on the components (with_platform_config).",
        )


def _made(pipeline: str, given: Mapping[str, Any], asked: Asked) -> Any:
    if compiling.is_function(pipeline):
        return compiling.any_pipeline(pipeline, given["config_file"], given["overrides"])
    import importlib

    base = configuration.named(pipeline)
    config = configuration.load(base, given["config_file"], given["overrides"])
    workspace = compiling.cluster_workspace(asked.settings())
    if not config.data_root:
        # Vertex has no task of ours that makes data.
        data_root = str(workspace.data_root(config.name))
        config = dataclasses.replace(config, data_root=data_root)
    module = importlib.import_module(f"pipelines.{pipeline}.pipeline")
    return module.create_pipeline(config, workspace)


def _settled(
    job: Mapping[str, Any], given: Mapping[str, Any], asked: Asked
) -> tuple[VertexJob, tuple[Finding, ...]]:
    from pipelines.runners.kubeflow.settings import Parameter
    from pipelines.submission import vertex

    declared = {
        name: Parameter(name=name, type=kind)  # type: ignore[arg-type]
        for name, kind in vertex.declared(job).items()
    }
    values, wrong = parameters.typed(given["params"], declared)
    # Which of a stock job's parameters have defaults, its client knows.
    wrong = tuple(finding for finding in wrong if "has no default" not in finding.problem)
    settled = vertex.VertexJob(
        job=job,
        project=given["project"],
        region=given["region"],
        root=asked.root,
        values=values,
        service_account=asked.service_account,
        cache=None if asked.cache else False,
    )
    snapshot = Snapshot(settings=asked.settings(), allow_tag=given["allow_tag"], target="vertex")
    found = (
        *checks.image(snapshot),
        *wrong,
        *vertex.findings(settled, snapshot.settings.image_folder),
    )
    return settled, found


def _submit(
    settled: VertexJob, path: Path, name: str, given: Mapping[str, Any], shown: Shown
) -> int:
    from pipelines.submission import vertex

    try:
        with captured_output(path.with_suffix(".log")):
            job = vertex.submit(settled, path, name)
    except Exception as error:
        # The client's errors are of many packages; all that matters is what they say.
        raise RingwayError(
            f"Vertex did not take the job: {error}",
            remedy="Is this machine known to Google Cloud? gcloud auth application-default login",
        ) from error
    shown.note(f"submitted: {job.resource_name}")
    if not given["wait"]:
        return 0
    try:
        job.wait()
    except RuntimeError as error:
        shown.note(str(error))
        return 1
    return 0
