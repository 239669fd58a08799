"""Starts Beam's workers in a container: what a runner calls as `/opt/apache/beam/boot`.

A runner (Flink, Spark, Dataflow) starts the pipeline image, or this in a process of its own, with
an id and the addresses of its services. The runner is asked for the pipeline's options and files,
then Beam's own worker is started with them. With `--worker_pool` it waits for runners instead, and
starts one such process for each worker that they ask for (`--environment_type=EXTERNAL`).

Beam's images hold a program in Go for this. It installs the packages that came with the pipeline;
here they are refused, as the image holds everything, and its files belong to root. A worker that
fails ends the container, or the process: runners start another.

The contract is Beam's "Fn API: container contract"; the names of variables are those that
`apache_beam.runners.worker.sdk_worker_main` reads.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.errors import RingwayError, UsageError

MODULE = "pipelines.runners.beam.boot"
POOL_PORT = 50000  # where runners look for a pool
STAGED = "staged"
# Files by which Beam's stager tells that packages are to be installed.
PACKAGES = ("requirements.txt", "extra_packages.txt", "workflow.tar.gz", "dataflow_python_sdk.tar")
ROLE_STAGING_TO = "beam:artifact:role:staging_to:v1"
SERVICES = ("logging", "artifact", "control")
_DEADLINE_SEC = 300.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: starts workers, or the pool, and returns how they ended.

    Returns:
        The worker's exit status; 1 where it cannot be started, 2 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.worker_pool:
            return _run_pool(options.worker_pool_port)
        return _run_workers(options)
    except RingwayError as error:
        print(f"boot: {error} {error.remedy}".rstrip(), file=sys.stderr, flush=True)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="boot", description="Starts workers of Beam for the runner that calls it."
    )
    parser.add_argument("--worker_pool", action="store_true", help="wait for runners that ask")
    parser.add_argument("--worker_pool_port", type=int, default=POOL_PORT)
    parser.add_argument("--id", default="", help="name of the worker")
    parser.add_argument("--provision_endpoint", default="")
    for service in SERVICES:
        parser.add_argument(f"--{service}_endpoint", default="")
    parser.add_argument("--semi_persist_dir", default=tempfile.gettempdir())
    return parser


def _run_pool(port: int) -> int:
    """Runs Beam's worker pool, which calls this program for each worker."""
    with tempfile.TemporaryDirectory(prefix="beam-pool-") as folder:
        # Beam wants one path, without arguments.
        program = Path(folder) / "boot"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {MODULE} "$@"\n')
        program.chmod(0o755)
        pool = "apache_beam.runners.worker.worker_pool_main"
        command = ["-m", pool, f"--service_port={port}", f"--container_executable={program}"]
        return _wait([subprocess.Popen([sys.executable, *command])])


def _run_workers(options: argparse.Namespace) -> int:
    """Runs the worker that was asked for, and those that the runner wants beside it.

    Raises:
        UsageError: A name or an address is missing.
        RingwayError: The runner cannot be asked, or staged packages.
    """
    if not options.id or not options.provision_endpoint:
        raise UsageError(
            "A worker needs --id and --provision_endpoint, which runners of Beam give.",
            remedy="Or --worker_pool, for a pool that runners can ask for workers.",
        )
    info = provision_info(options.id, options.provision_endpoint)
    endpoints = {service: _endpoint(options, info, service) for service in SERVICES}
    with tempfile.TemporaryDirectory(prefix="beam-worker-", dir=options.semi_persist_dir) as name:
        folder = Path(name)
        refuse_packages(stage(options.id, endpoints["artifact"], info, folder / STAGED))
        file = folder / "pipeline_options.json"
        file.write_text(pipeline_options(info))
        environment = {**os.environ, **worker_environment(info, endpoints, folder, file)}
        worker = [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"]
        names = [options.id, *info.sibling_worker_ids]
        return _wait(
            [subprocess.Popen(worker, env={**environment, "WORKER_ID": name}) for name in names]
        )


def _endpoint(options: argparse.Namespace, info: Any, service: str) -> str:
    """Returns the address of a service: the runner's answer, or else what the command line says.

    Raises:
        UsageError: Neither tells.
    """
    told = str(getattr(info, f"{service}_endpoint").url)
    address = told or str(getattr(options, f"{service}_endpoint"))
    if not address:
        raise UsageError(f"The runner gave no --{service}_endpoint, and does not tell it either.")
    return address


def provision_info(worker: str, endpoint: str) -> Any:
    """Asks the runner for the pipeline's options, files and services, as a `ProvisionInfo`.

    Raises:
        RingwayError: It does not answer.
    """
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2 as provision
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as services

    with grpc.insecure_channel(endpoint) as channel:
        service = services.ProvisionServiceStub(channel)
        try:
            answer = service.GetProvisionInfo(
                provision.GetProvisionInfoRequest(),
                timeout=_DEADLINE_SEC,
                metadata=[("worker_id", worker)],
                wait_for_ready=True,
            )
        except grpc.RpcError as error:
            raise RingwayError(f"The runner at {endpoint} gave no provisions: {error}") from error
    return answer.info


def pipeline_options(info: Any) -> str:
    """Returns the pipeline's options as JSON."""
    from google.protobuf import json_format

    return json_format.MessageToJson(info.pipeline_options)


def stage(worker: str, endpoint: str, info: Any, folder: Path) -> list[str]:
    """Fetches the pipeline's files into a folder, and returns their names.

    Raises:
        RingwayError: A file did not come.
    """
    import grpc
    from apache_beam.portability.api import beam_artifact_api_pb2 as artifacts
    from apache_beam.portability.api import beam_artifact_api_pb2_grpc as services

    folder.mkdir(parents=True)
    if not info.dependencies:
        return []
    names = []
    call = {"timeout": _DEADLINE_SEC, "metadata": [("worker_id", worker)]}
    with grpc.insecure_channel(endpoint) as channel:
        service = services.ArtifactRetrievalServiceStub(channel)
        try:
            request = artifacts.ResolveArtifactsRequest(artifacts=info.dependencies)
            for artifact in service.ResolveArtifacts(request, **call).replacements:
                name = staged_name(artifact)
                parts = service.GetArtifact(artifacts.GetArtifactRequest(artifact=artifact), **call)
                _write(folder / name, (part.data for part in parts))
                names.append(name)
        except grpc.RpcError as error:
            raise RingwayError(f"The runner at {endpoint} gave no files: {error}") from error
    return names


def staged_name(artifact: Any) -> str:
    """Returns the name that a file of the pipeline has for its worker, without folders.

    Args:
        artifact: An `ArtifactInformation`.

    Raises:
        RingwayError: It has none, or one that leads out of the folder.
    """
    from apache_beam.portability.api import beam_runner_api_pb2 as runner

    name = ""
    if artifact.role_urn == ROLE_STAGING_TO:
        role = runner.ArtifactStagingToRolePayload.FromString(artifact.role_payload)
        name = str(role.staged_name)
    if not name or PurePosixPath(name).name != name or name in {".", ".."}:
        raise RingwayError(
            f"The runner staged a file as {name!r} ({artifact.role_urn}); expected a plain name."
        )
    return name


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)


def refuse_packages(staged: Iterable[str]) -> None:
    """Checks that nothing has to be installed.

    Raises:
        RingwayError: Packages came with the pipeline.
    """
    found = sorted(name for name in staged if name in PACKAGES)
    if found:
        raise RingwayError(
            f"The pipeline came with packages to install ({', '.join(found)}); workers of this "
            "image install none.",
            remedy="Submit with --sdk_container_image naming this image, without "
            "--requirements_file, --extra_package and --setup_file; or build an image from it.",
        )


def worker_environment(
    info: Any, endpoints: Mapping[str, str], folder: Path, options_file: Path
) -> dict[str, str]:
    """Returns the variables from which Beam's worker learns all it needs, save its id.

    Args:
        info: A `ProvisionInfo`.
        endpoints: Address by service.
        folder: Where the files lie, in `staged`.
        options_file: The pipeline's options.
    """
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import text_format

    def descriptor(url: str) -> str:
        return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))

    told = {
        "PIPELINE_OPTIONS_FILE": str(options_file),
        "SEMI_PERSISTENT_DIRECTORY": str(folder),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(endpoints["logging"]),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(endpoints["control"]),
    }
    if info.status_endpoint.url:
        told["STATUS_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(info.status_endpoint)
    return told


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Waits for the first to end, ends the others, and returns the first one's exit status."""

    def stop(*_: object) -> None:
        for process in processes:
            process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    by_pid = {process.pid: process for process in processes}
    pid, status = os.wait()
    stop()
    for process in processes:
        if process.pid != pid:
            process.wait()
    code = os.waitstatus_to_exitcode(status)
    by_pid[pid].returncode = code
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
