"""What builders of images are called with, and what is said where none can be."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from setup import images
from setup.bootstrap import SetupError
from setup.images import (
    Built,
    Order,
    build_command,
    choose_engine,
    folders_shown,
    parse_size,
    table,
)

REPOSITORY = Path(__file__).resolve().parents[2]
WANTED = Order(
    image="ringway",
    tag="1.2",
    base="",
    targets=("pipeline", "serving"),
    labels={"org.opencontainers.image.version": "1.2"},
    timestamp=1_700_000_000,
)


def program(folder: Path, name: str, status: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
    (folder / name).chmod(0o755)


def test_docker_is_preferred_where_its_daemon_answers(tmp_path: Path) -> None:
    program(tmp_path, "docker", 0)
    program(tmp_path, "buildah", 0)
    assert choose_engine({"PATH": str(tmp_path)}) == "docker"


def test_buildah_builds_where_dockers_daemon_is_silent(tmp_path: Path) -> None:
    program(tmp_path, "docker", 1)
    program(tmp_path, "buildah", 0)
    assert choose_engine({"PATH": str(tmp_path)}) == "buildah"


@pytest.mark.parametrize(
    ("docker", "why"),
    [(False, "Docker is not installed"), (True, "Docker's daemon does not answer")],
)
def test_without_either_it_is_told_what_is_missing(tmp_path: Path, docker: bool, why: str) -> None:
    if docker:
        program(tmp_path, "docker", 1)
    with pytest.raises(SetupError, match=f"{why}, and buildah is not installed.*apt-get install"):
        choose_engine({"PATH": str(tmp_path)})


def test_make_images_ends_with_2_and_one_line_where_nothing_builds(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "setup" / "images.py")]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)


def test_docker_builds_a_stage_with_secrets_by_path() -> None:
    command = build_command("docker", "serving", WANTED, {"netrc": Path("/s/netrc")}, {})
    assert command == [
        "docker",
        "build",
        "--label=org.opencontainers.image.version=1.2",
        "--secret=id=netrc,src=/s/netrc",
        "--target=serving",
        "--tag=ringway-serving:1.2",
        ".",
    ]


def test_buildah_keeps_the_health_check_and_sees_local_packages(tmp_path: Path) -> None:
    wanted = WANTED._replace(base="localhost/base:13", cache="/c")
    mounts = folders_shown("buildah", wanted, {"PIP_FIND_LINKS": f"{tmp_path} /missing"})
    command = build_command("buildah", "pipeline", wanted, {}, mounts)
    assert command[:2] == ["buildah", "bud"]
    # OCI's own format drops HEALTHCHECK with a warning.
    assert "--format=docker" in command
    assert "--isolation=chroot" in command
    assert "--timestamp=1700000000" in command
    assert f"--volume={tmp_path}:/media" in command
    assert "--volume=/c:/mnt" in command
    assert "--build-arg=BASE_IMAGE=localhost/base:13" in command


def given(**chosen: object) -> argparse.Namespace:
    arguments = images.parser().parse_args([])
    return argparse.Namespace(**{**vars(arguments), **chosen})


def test_both_images_are_built_at_the_packages_version() -> None:
    wanted = images.order(given())
    version = images.package_version((REPOSITORY / "pyproject.toml").read_text())
    names = [wanted.name(target) for target in wanted.targets]
    assert names == [f"ringway-pipeline:{version}", f"ringway-serving:{version}"]
    assert wanted.labels["org.opencontainers.image.version"] == version


def test_labels_name_the_commit_and_its_time() -> None:
    wanted = images.order(given())
    if not images.git("rev-parse", "HEAD"):
        pytest.skip("no commit here")
    revision = wanted.labels["org.opencontainers.image.revision"]
    assert revision.removesuffix("-dirty") == images.git("rev-parse", "HEAD")
    assert wanted.timestamp == int(images.git("show", "-s", "--format=%ct"))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"targets": ["front"]}, "images are pipeline and serving; received front"),
        ({"image": "Ring way"}, "no name for images"),
        ({"tag": "a/b"}, "no tag for images"),
    ],
)
def test_what_names_no_image_is_refused(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        images.order(given(**chosen))


@pytest.mark.parametrize("name", ["ringway", "registry.example:5000/team/ringway", "a-b_c/d"])
def test_names_may_lead_to_a_registry(name: str) -> None:
    assert images.order(given(image=name)).name("serving").startswith(f"{name}-serving:")


@pytest.mark.parametrize(
    ("text", "size"), [("1.24 GB", 1_240_000_000), ("120 MB", 120_000_000), ("312 B", 312)]
)
def test_reads_sizes_as_buildah_writes_them(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_the_table_tells_name_size_time_and_digest() -> None:
    built = [Built("a:1", 1_240_000_000, "sha256:aa", 61.2), Built("long:1", 90_000_000, "s:b", 3)]
    assert table(built).splitlines() == [
        "a:1      1.24 GB    61 s  sha256:aa",
        "long:1   0.09 GB     3 s  s:b",
    ]
