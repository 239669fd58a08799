"""Regenerates both locks from `requirements/*.in`: `make lock`, or `make lock ARGS=--upgrade`.

Runs in `.venv`, with the uv that the locks themselves pin. What is already locked stays as it is
unless a requirement changed or `--upgrade` is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup.stack_choice import STACKS, Stack, show
from setup.uv_settings import uv_environment

REPOSITORY = Path(__file__).resolve().parent.parent


def arguments(stack: Stack, extra: list[str]) -> list[str]:
    """Returns what uv is called with to lock one stack."""
    if stack.oldest_python == stack.newest_python:
        glibc = "_".join(str(part) for part in stack.glibc)
        machines = ["--python-platform", f"x86_64-manylinux_{glibc}"]
    else:
        machines = ["--universal"]  # one file for several Pythons, parted by markers
    return [
        *("pip", "compile", "--quiet", "--generate-hashes", *machines, *extra),
        *("--python-version", show(stack.oldest_python), "--override", "overrides.txt"),
        *("--custom-compile-command", "make lock"),
        *(f"{stack.name}.in", "--output-file", f"{stack.name}.txt"),
    ]


def main(extra: list[str]) -> None:
    """Writes both locks, and passes on uv's exit code when it fails."""
    uv = Path(sys.executable).with_name("uv")
    environment = uv_environment(sys.executable, os.environ)
    for stack in STACKS:
        command = [str(uv), *arguments(stack, extra)]
        done = subprocess.run(
            command, cwd=REPOSITORY / "requirements", env=environment, check=False
        )
        if done.returncode != 0:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
