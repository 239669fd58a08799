"""Regenerates the locks from `requirements/*.in`: `make lock`, or `make lock ARGS=--upgrade`.

There is one for each stack, and one for each image, which takes its releases from the newest
stack's. Runs in `.venv`, with the uv that the locks themselves pin. What is already locked stays as
it is unless a requirement changed or `--upgrade` is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup.stack_choice import STACKS, Stack, Version, show
from setup.uv_settings import uv_environment

REPOSITORY = Path(__file__).resolve().parent.parent
# Each has a target in the Dockerfile.
IMAGES = ("pipeline", "serving")
IMAGE_STACK = STACKS[0]


def arguments(stack: Stack, extra: list[str]) -> list[str]:
    """Returns what uv is called with to lock one stack."""
    if stack.oldest_python == stack.newest_python:
        machines = one_platform(stack.glibc)
    else:
        machines = ["--universal"]  # one file for several Pythons, parted by markers
    return [*compile_to(stack.name, stack.oldest_python, extra), *machines]


def image_arguments(image: str, extra: list[str]) -> list[str]:
    """Returns what uv is called with to lock what an image installs.

    An upgrade is the stack's to make: here it would change nothing but cost the look-ups.
    """
    chosen = [argument for argument in extra if not argument.startswith("--upgrade")]
    python = IMAGE_STACK.newest_python
    fewer = ["--override", "image-overrides.txt"]
    return [*compile_to(image, python, chosen), *fewer, *one_platform(IMAGE_STACK.glibc)]


def compile_to(name: str, python: Version, extra: list[str]) -> list[str]:
    """Returns what all locks have in common."""
    return [
        *("pip", "compile", "--quiet", "--generate-hashes", *extra),
        *("--python-version", show(python), "--override", "overrides.txt"),
        *("--custom-compile-command", "make lock"),
        *(f"{name}.in", "--output-file", f"{name}.txt"),
    ]


def one_platform(glibc: Version) -> list[str]:
    """Returns the options that lock for one Python on machines with this C library."""
    return ["--python-platform", "x86_64-manylinux_" + "_".join(str(part) for part in glibc)]


def main(extra: list[str]) -> None:
    """Writes all locks, and passes on uv's exit code when it fails."""
    uv = Path(sys.executable).with_name("uv")
    environment = uv_environment(sys.executable, os.environ)
    stacks = [arguments(stack, extra) for stack in STACKS]
    for chosen in [*stacks, *(image_arguments(image, extra) for image in IMAGES)]:
        done = subprocess.run(
            [str(uv), *chosen], cwd=REPOSITORY / "requirements", env=environment, check=False
        )
        if done.returncode != 0:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
