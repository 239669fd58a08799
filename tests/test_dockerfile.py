"""The Dockerfile, by what can be told without building: style, stages, and what a build sees.

Building and running both images is left to `setup/image_proof.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths  # type: ignore[import-untyped]

from setup.locks import IMAGES

REPOSITORY = Path(__file__).resolve().parents[1]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()

images = pytest.mark.parametrize("image", IMAGES)


def instructions(text: str) -> list[str]:
    """Instructions of a Dockerfile, each in one line."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line for line in kept.replace("\\\n", " ").splitlines() if line.strip()]


def stages() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in instructions(DOCKERFILE):
        if match := re.match(r"FROM \S+ AS (\S+)$", line):
            found[match.group(1)] = [line]
        elif found:
            found[list(found)[-1]].append(line)
    return found


def instruction(stage: str, name: str) -> str:
    return next(line for line in reversed(stages()[stage]) if line.startswith(f"{name} "))


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    told = subprocess.run(
        [hadolint, "--failure-threshold", "style", str(REPOSITORY / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN cd /x && apt-get install gcc\n")
    told = subprocess.run(
        [hadolint, str(tmp_path / "Dockerfile")], capture_output=True, check=False
    )
    assert told.returncode != 0


@images
def test_an_image_is_a_base_with_what_another_stage_made(image: str) -> None:
    lines = stages()[image]
    assert lines[0] == f"FROM base AS {image}"
    assert not [line for line in lines if line.startswith(("RUN ", "ADD "))]
    copied = [line for line in lines if line.startswith("COPY ")]
    assert all(line.startswith(f"COPY --from={image}-environment /opt/") for line in copied)


@images
def test_an_image_runs_as_a_user_by_number(image: str) -> None:
    # By name, Kubernetes cannot tell that it is not root.
    assert instruction(image, "USER") == "USER 10001:10001"


@images
def test_an_image_says_how_it_is_checked_and_called(image: str) -> None:
    check = instruction(image, "HEALTHCHECK")
    assert "curl" not in check
    assert json.loads(check.partition("CMD ")[2])
    assert json.loads(instruction(image, "ENTRYPOINT").partition(" ")[2])
    assert f'org.opencontainers.image.title="ringway-{image}"' in instruction(image, "LABEL")


@images
def test_a_build_keeps_no_secret(image: str) -> None:
    building = instruction(f"{image}-environment", "RUN")
    assert set(re.findall(r"--mount=type=secret,id=(\w+)", building)) == {
        "certificates",
        "netrc",
        "settings",
    }
    assert not re.search(r"^(?:ARG|ENV) .*(?:PIP_|UV_INDEX|CERT|proxy)", DOCKERFILE, re.MULTILINE)


def test_the_servers_ports_are_those_that_it_is_called_with() -> None:
    flags = json.loads(instruction("serving", "CMD").partition(" ")[2])
    ports = [flag.partition("=")[2] for flag in flags if "port=" in flag]
    assert instruction("serving", "EXPOSE") == f"EXPOSE {' '.join(ports)}"
    assert f":{ports[1]}/healthz" in instruction("serving", "HEALTHCHECK")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (
        ".ci/run",
        ".env",
        ".git/HEAD",
        ".ringway/models/taxi/1/saved_model.pb",
        ".venv/bin/python",
        "Dockerfile",
        "LICENSE",
        "README.md",
        "benchmarks/replay/driver.py",
        "notebooks/a.ipynb",
        "pipelines/cli/main.py",
        "pipelines/__pycache__/stack.cpython-313.pyc",
        "pyproject.toml",
        "requirements/serving.txt",
        "requirements/tfx-1.16.txt",
        "requirements/tfx-1.21.txt",
        "ringway.egg-info/PKG-INFO",
        "serving/deploy/compose/compose.yaml",
        "serving/wire/protos/messages.binpb",
        "setup/images.py",
        "tests/test_docs.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_build_sees_sources_and_locks_and_nothing_else(checkout: Path) -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    # Docker's own client of Python decides; buildah and BuildKit follow the same rules.
    seen = exclude_paths(str(checkout), patterns, dockerfile="Dockerfile")
    files = {name for name in seen if (checkout / name).is_file()}
    assert files - {"Dockerfile"} == {
        "LICENSE",
        "README.md",
        "pipelines/cli/main.py",
        "pyproject.toml",
        "requirements/serving.txt",
        "requirements/tfx-1.21.txt",
        "serving/wire/protos/messages.binpb",
        "setup/images.py",
    }
