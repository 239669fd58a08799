"""What runners of Beam call in the pipeline image, called by a runner of Beam."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pipelines.errors import RingwayError
from pipelines.runners.beam import boot

REPOSITORY = Path(__file__).resolve().parents[4]
# A pipeline as a user would submit it.
PIPELINE = """
import os, sys
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

FACTOR = 10

def square(number):
    return f"{FACTOR * number * number} {os.environ['MARK']} {bool(os.environ['WORKER_ID'])}"

if __name__ == "__main__":
    flags = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL",
             "--environment_config=localhost:" + sys.argv[1], "--pickle_library=cloudpickle"]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        numbers = pipeline | beam.Create([1, 2, 3])
        numbers | beam.Map(square) | beam.io.WriteToText(sys.argv[2], shard_name_template="")
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("pool")
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "MARK": "pool", "TMPDIR": str(folder)}
    command = [sys.executable, "-W", "ignore", "-m", boot.MODULE, "--worker_pool"]
    log = (folder / "pool.log").open("w")
    process = subprocess.Popen(
        [*command, f"--worker_pool_port={port}"],
        env=environment,
        cwd=REPOSITORY,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_port(port, process, folder / "pool.log")
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        assert [path.name for path in folder.iterdir()] == ["pool.log"]
    finally:
        process.kill()
        process.wait()
        log.close()


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("localhost", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"no pool at {port}: {log.read_text()}")


def submit(tmp_path: Path, port: int) -> subprocess.CompletedProcess[str]:
    (tmp_path / "squares.py").write_text(PIPELINE)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "squares.py",
        str(port),
        str(tmp_path / "out"),
    ]
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )


def test_a_pool_starts_workers_for_a_runner(pool: int, tmp_path: Path) -> None:
    done = submit(tmp_path, pool)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = sorted((tmp_path / "out").read_text().split("\n")[:-1])
    assert lines == ["10 pool True", "40 pool True", "90 pool True"]


@pytest.mark.parametrize("name", boot.PACKAGES)
def test_packages_that_came_along_are_refused(name: str) -> None:
    with pytest.raises(RingwayError, match=rf"{name}.*install none") as caught:
        boot.refuse_packages(["pickled_main_session", name])
    assert "--sdk_container_image" in caught.value.remedy


def test_what_stagers_note_for_people_is_no_package() -> None:
    boot.refuse_packages(["pickled_main_session", "submission_environment_dependencies.txt"])


def artifact(role: str, name: str) -> Any:
    from apache_beam.portability.api import beam_runner_api_pb2 as runner

    payload = runner.ArtifactStagingToRolePayload(staged_name=name).SerializeToString()
    return runner.ArtifactInformation(role_urn=role, role_payload=payload)


@pytest.fixture
def artifact_service() -> Iterator[str]:
    import grpc
    from apache_beam.portability.api import beam_artifact_api_pb2_grpc as services
    from apache_beam.runners.portability.artifact_service import ArtifactRetrievalService

    def read(path: str) -> BinaryIO:
        return Path(path).open("rb")

    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = ArtifactRetrievalService(read, chunk_size=4)
    services.add_ArtifactRetrievalServiceServicer_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(0).wait()


def provisions(*files: Path) -> Any:
    from apache_beam.portability.api import beam_provision_api_pb2, beam_runner_api_pb2

    info = beam_provision_api_pb2.ProvisionInfo()
    for file in files:
        entry = info.dependencies.add()
        entry.CopyFrom(artifact(boot.ROLE_STAGING_TO, f"staged-{file.name}"))
        entry.type_urn = "beam:artifact:type:file:v1"
        payload = beam_runner_api_pb2.ArtifactFilePayload(path=str(file))
        entry.type_payload = payload.SerializeToString()
    return info


def test_the_pipelines_files_come_whole(artifact_service: str, tmp_path: Path) -> None:
    (tmp_path / "session").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty").touch()
    info = provisions(tmp_path / "session", tmp_path / "empty")
    names = boot.stage("1", artifact_service, info, tmp_path / "folder")
    assert names == ["staged-session", "staged-empty"]
    assert (tmp_path / "folder" / "staged-session").read_bytes() == bytes(range(256)) * 40
    assert (tmp_path / "folder" / "staged-empty").read_bytes() == b""


def test_a_file_that_does_not_come_is_told(artifact_service: str, tmp_path: Path) -> None:
    with pytest.raises(RingwayError, match=f"The runner at {artifact_service} gave no files"):
        boot.stage("1", artifact_service, provisions(tmp_path / "gone"), tmp_path / "folder")


def test_a_staged_file_has_the_name_of_its_role() -> None:
    from apache_beam.portability import common_urns

    # The constant is written out in the module, as Beam's import takes seconds.
    assert common_urns.StandardArtifacts.Roles.STAGING_TO.urn == boot.ROLE_STAGING_TO
    assert boot.staged_name(artifact(boot.ROLE_STAGING_TO, "session")) == "session"


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/passwd", "a/b"])
def test_a_staged_file_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(RingwayError, match="expected a plain name"):
        boot.staged_name(artifact(boot.ROLE_STAGING_TO, name))


def test_a_worker_needs_a_name_and_a_runner(capsys: pytest.CaptureFixture[str]) -> None:
    assert boot.main(["--id=1"]) == 2
    assert "needs --id and --provision_endpoint" in capsys.readouterr().err


def test_packages_stay_what_beams_stager_calls_them() -> None:
    from apache_beam.runners.internal import names
    from apache_beam.runners.portability import stager

    told = (stager.REQUIREMENTS_FILE, stager.EXTRA_PACKAGES_FILE, stager.WORKFLOW_TARBALL_FILE)
    assert (*told, names.STAGED_SDK_SOURCES_FILENAME) == boot.PACKAGES
