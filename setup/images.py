"""Builds the images of the Dockerfile: `make images`, or `python3 setup/images.py --help`.

Docker builds them, or buildah where there is no Docker: as root without a daemon, in chroots. What
an image holds is left to the Dockerfile, how a build reaches a package index to
`setup/image_secrets.py`, and a base for machines without a registry to `setup/image_base.py`.

Parses on Python 3.8 and needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Mapping, NamedTuple, NoReturn, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup.bootstrap import FAILED, INTERRUPTED, REFUSED, SetupError, say  # noqa: E402
from setup.debian import folders_named  # noqa: E402
from setup.image_secrets import CACHE, PACKAGES, write_secrets  # noqa: E402
from setup.locks import IMAGES  # noqa: E402

ENGINES = ("docker", "buildah")
IMAGE_NAME = re.compile(r"[a-z0-9]+([._/:-][a-z0-9]+)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Order(NamedTuple):
    """What is to be built.

    Attributes:
        image: What the names begin with: `ringway` gives `ringway-pipeline` and `ringway-serving`.
        tag: The tag of each.
        base: The base image; empty for the Dockerfile's own.
        targets: Which of them.
        labels: Of both images, by name.
        timestamp: Seconds since 1970 that files and images get; None for the time of the build.
        cache: Folder in which uv keeps packages, with buildah; empty for none.
    """

    image: str
    tag: str
    base: str
    targets: Sequence[str]
    labels: Mapping[str, str]
    timestamp: int | None
    cache: str = ""

    def name(self, target: str) -> str:
        """Returns the full name of an image."""
        return f"{self.image}-{target}:{self.tag}"


class Built(NamedTuple):
    """An image that was built.

    Attributes:
        name: Its name with its tag.
        size: Bytes on the disk.
        digest: What it is known by here; a registry gives it a digest of its own.
        seconds: How long it took.
    """

    name: str
    size: int
    digest: str
    seconds: float


def main() -> NoReturn:
    """Builds what the command line asks for; an error becomes one line and an exit code."""
    try:
        arguments = parser().parse_args()
        engine = arguments.engine or choose_engine(os.environ)
        print(table(build(engine, order(arguments), os.environ)))
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(0)


def parser() -> argparse.ArgumentParser:
    """Returns the command line's options."""
    options = argparse.ArgumentParser(
        prog="setup/images.py", description="Builds the images of pipelines and of the server."
    )
    options.add_argument("--image", default="ringway", help="what the names begin with [ringway]")
    options.add_argument("--tag", default="", help="tag of the images [the package's version]")
    options.add_argument("--base", default="", help="base image [an official Python]")
    options.add_argument("--engine", choices=ENGINES, help="what builds [what is there]")
    options.add_argument("--cache", default="", help="folder of uv's cache, with buildah")
    options.add_argument("targets", nargs="*", metavar="target", help="pipeline, serving [both]")
    return options


def order(arguments: argparse.Namespace) -> Order:
    """Returns what is to be built.

    Raises:
        SetupError: A name, a tag or a target is not one.
    """
    version = package_version((REPOSITORY / "pyproject.toml").read_text())
    tag, targets = arguments.tag or version, arguments.targets or list(IMAGES)
    unknown = sorted(set(targets) - set(IMAGES))
    if unknown:
        raise SetupError(f"images are {' and '.join(IMAGES)}; received {unknown[0]}.", REFUSED)
    if not IMAGE_NAME.fullmatch(arguments.image):
        raise SetupError(f"{arguments.image!r} is no name for images, such as ringway.", REFUSED)
    if not TAG.fullmatch(tag):
        raise SetupError(f"{tag!r} is no tag for images, such as {version}.", REFUSED)
    labels, timestamp = origin(version)
    return Order(arguments.image, tag, arguments.base, targets, labels, timestamp, arguments.cache)


def package_version(pyproject: str) -> str:
    """Returns the package's version, out of the text of pyproject.toml."""
    found = re.search(r'^version = "([^"]+)"$', pyproject, re.MULTILINE)
    return found.group(1) if found else "0"


def origin(version: str) -> tuple[dict[str, str], int | None]:
    """Returns the labels that say what was built from, and the commit's time; less without git."""
    labels = {"org.opencontainers.image.version": version}
    revision = git("rev-parse", "HEAD")
    if not revision:
        return labels, None
    changed = "-dirty" if git("status", "--porcelain") else ""
    labels["org.opencontainers.image.revision"] = revision + changed
    labels["org.opencontainers.image.created"] = git("log", "-1", "--format=%cI")
    return labels, int(git("log", "-1", "--format=%ct"))


def git(*arguments: str) -> str:
    """Returns what git prints about the repository; nothing where there is no git."""
    command = ["git", "-c", f"safe.directory={REPOSITORY}", "-C", str(REPOSITORY), *arguments]
    try:
        told = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def choose_engine(environment: Mapping[str, str]) -> str:
    """Returns what builds here: Docker where its daemon answers, else buildah.

    Raises:
        SetupError: Neither can; says why of each.
    """
    path = environment.get("PATH", "")
    docker = shutil.which("docker", path=path)
    if docker and answers([docker, "info", "--format", "{{.ServerVersion}}"]):
        return "docker"
    if shutil.which("buildah", path=path):
        return "buildah"
    why = "Docker's daemon does not answer" if docker else "Docker is not installed"
    raise SetupError(
        f"images are built by Docker or buildah; {why}, and buildah is not installed. "
        "On Debian and Ubuntu: apt-get install buildah.",
        REFUSED,
    )


def answers(command: list[str]) -> bool:
    """Tells whether a command ends well within 20 s."""
    null = subprocess.DEVNULL
    try:
        done = subprocess.run(command, stdout=null, stderr=null, timeout=20, check=False)
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def build(engine: str, wanted: Order, environment: Mapping[str, str]) -> list[Built]:
    """Builds the images, one after the other.

    Raises:
        SetupError: A build failed; the builder's own words stand above.
    """
    built = []
    with tempfile.TemporaryDirectory() as folder:
        mounts = folders_shown(engine, wanted, environment)
        secrets = write_secrets(Path(folder), environment, mounts)
        for target in wanted.targets:
            say(f"{engine} builds {wanted.name(target)}")
            began = time.monotonic()
            command = build_command(engine, target, wanted, secrets, mounts)
            variables = {**environment, **engine_variables(wanted)}
            done = subprocess.run(command, cwd=REPOSITORY, env=variables, check=False)
            if done.returncode != 0:
                raise SetupError(
                    f"{engine} could not build {wanted.name(target)} (exit status "
                    f"{done.returncode}); the reason stands above.",
                    FAILED,
                )
            built.append(inspect(engine, wanted.name(target), time.monotonic() - began))
    return built


def engine_variables(wanted: Order) -> dict[str, str]:
    """Returns the variables that builders read."""
    times = {} if wanted.timestamp is None else {"SOURCE_DATE_EPOCH": str(wanted.timestamp)}
    return {"DOCKER_BUILDKIT": "1", **times}


def build_command(
    engine: str,
    target: str,
    wanted: Order,
    secrets: Mapping[str, Path],
    mounts: Mapping[str, Path],
) -> list[str]:
    """Returns what the builder is called with.

    Args:
        engine: `docker` or `buildah`.
        target: The stage of the Dockerfile.
        wanted: What is to be built.
        secrets: Files by name, seen by the build and kept by no layer.
        mounts: Folders of this machine that the build sees, by their place inside.
    """
    docker = engine == "docker"
    command = ["docker", "build"] if docker else ["buildah", "bud", *buildah_options(wanted)]
    command += [f"--volume={folder}:{place}" for place, folder in sorted(mounts.items())]
    if wanted.base:
        command.append(f"--build-arg=BASE_IMAGE={wanted.base}")
    command += [f"--label={name}={text}" for name, text in sorted(wanted.labels.items())]
    command += [f"--secret=id={name},src={path}" for name, path in sorted(secrets.items())]
    return [*command, f"--target={target}", f"--tag={wanted.name(target)}", "."]


def folders_shown(engine: str, wanted: Order, environment: Mapping[str, str]) -> dict[str, Path]:
    """Returns the folders of this machine that a build sees, by their place; Docker's sees none."""
    if engine == "docker":
        return {}
    mounts = dict(zip([PACKAGES], folders_named(environment)))
    if wanted.cache:
        mounts[CACHE] = Path(wanted.cache).resolve()
    return mounts


def buildah_options(wanted: Order) -> list[str]:
    """Returns buildah's own options.

    OCI's format knows no health checks. An intermediate layer would be a whole copy where file
    systems cannot be laid over each other.
    """
    # A base of one's own is there already; a registry is asked for what is missing alone.
    options = ["--isolation=chroot", "--format=docker", "--layers=false", "--pull=false"]
    times = [] if wanted.timestamp is None else [f"--timestamp={wanted.timestamp}"]
    return [*options, *times]


def inspect(engine: str, name: str, seconds: float) -> Built:
    """Returns an image's size and digest.

    Raises:
        SetupError: The builder does not know it.
    """
    if engine == "docker":
        command = ["docker", "image", "inspect", name]
    else:
        command = ["buildah", "images", "--json", name]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if told.returncode != 0:
        raise SetupError(f"{engine} built {name}, yet does not know it; see above.")
    found = json.loads(told.stdout)[0]
    if engine == "docker":
        return Built(name, int(found["Size"]), found["Id"], seconds)
    return Built(name, parse_size(found["size"]), found["digest"], seconds)


def parse_size(text: str) -> int:
    """Returns the bytes of a size as buildah writes it, such as `1.24 GB`."""
    number, unit = re.fullmatch(r"([0-9.]+) ?([kKMGT]?)B", text).groups()  # type: ignore[union-attr]
    return round(float(number) * 1000 ** " KMGT".index(unit.upper() or " "))


def table(built: Sequence[Built]) -> str:
    """Returns the images as lines of text."""
    width = max(len(image.name) for image in built)
    return "\n".join(
        f"{image.name:{width}}  {image.size / 1e9:5.2f} GB  {image.seconds:4.0f} s  {image.digest}"
        for image in built
    )


if __name__ == "__main__":
    main()
