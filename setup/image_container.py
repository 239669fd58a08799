"""Runs the images of the Dockerfile without a container engine: unpacked by buildah, in namespaces.

As an orchestrator would run them at its strictest: not as root, on a root file system that cannot
be written, with a private /tmp and the host's network. Which images, and what they have to do, is
left to `setup/image_proof.py`. Needs root. Parses on Python 3.8 and needs nothing but the standard
library.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from setup.bootstrap import FAILED, SetupError

USER = 10001
WAIT_SEC = 180.0
# Runs in namespaces of its own, with which mounts and processes vanish. Arguments: the container's
# files, a user, mounts as FROM=TO, `--`, a command.
ENTER = """
set -eu
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/dev" "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for file in /etc/hosts /etc/resolv.conf; do
  [ -e "$root$file" ] || touch "$root$file"
  mount --bind "$file" "$root$file"
done
while [ "$1" != -- ]; do
  mkdir -p "$root${1#*=}"
  mount --bind "${1%%=*}" "$root${1#*=}"
  shift
done
shift
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user:$user" --groups= "$root" "$@"
"""


class Container(NamedTuple):
    """An image, unpacked.

    Attributes:
        root: The folder of its files.
        config: What the image says of how it is run, by Docker's names.
    """

    root: Path
    config: Mapping[str, Any]

    def environment(self, **more: str) -> list[str]:
        """Returns the variables of the image, and more, as `NAME=VALUE`."""
        return [*self.config["Env"], *(f"{name}={text}" for name, text in more.items())]

    def command(self, *arguments: str) -> list[str]:
        """Returns the entry point with arguments."""
        return [*self.config["Entrypoint"], *arguments]

    @property
    def health_check(self) -> list[str]:
        """Returns the command that tells whether what runs in it is well."""
        return list(self.config["Healthcheck"]["Test"][1:])

    @property
    def home(self) -> str:
        """Returns the folder in which runs keep what they make."""
        return dict(pair.split("=", 1) for pair in self.config["Env"])["RINGWAY_HOME"]


@contextlib.contextmanager
def unpacked(target: str) -> Iterator[Container]:
    """Unpacks an image for as long as the block lasts."""
    name = told(["buildah", "from", "--pull=false", f"localhost/ringway-{target}:proof"])
    try:
        config = json.loads(told(["buildah", "inspect", name]))["Docker"]["config"]
        yield Container(Path(told(["buildah", "mount", name])), config)
    finally:
        told(["buildah", "rm", name])


def told(command: Sequence[str]) -> str:
    """Returns what a command prints.

    Raises:
        SetupError: It failed.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command[:2])} failed; see above.", FAILED)
    return done.stdout.strip()


def demand(holds: bool, message: str) -> None:
    """Raises an error unless something holds.

    Raises:
        SetupError: It does not.
    """
    if not holds:
        raise SetupError(message, FAILED)


def start(
    container: Container, command: Sequence[str], mounts: Mapping[Path, str], **more: str
) -> subprocess.Popen[str]:
    """Starts a command in a container: not as root, on files that cannot be written."""
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    bound = [f"{source}={target}" for source, target in mounts.items()]
    inside = ["sh", "-c", ENTER, "sh", str(container.root), str(USER), *bound, "--"]
    workdir = ["env", "--ignore-environment", f"--chdir={container.config['WorkingDir'] or '/'}"]
    environment = container.environment(**more)
    return subprocess.Popen([*private, *inside, *workdir, *environment, *command], text=True)


def run_in(
    container: Container, command: Sequence[str], mounts: Mapping[Path, str], timeout_sec: float
) -> None:
    """Runs a command in a container to its end.

    Raises:
        SetupError: It failed, or took too long.
    """
    process = start(container, command, mounts)
    try:
        status = process.wait(timeout_sec)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise SetupError(f"{' '.join(command)} took more than {timeout_sec:.0f} s.") from None
    demand(status == 0, f"{' '.join(command)} ended with {status}; see above.")


def stop(process: subprocess.Popen[str]) -> None:
    """Ends a server as an orchestrator does, and checks that it ends well.

    What runs in the container is the child of the process that made its namespaces.
    """
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    try:
        status = process.wait(60)
    except subprocess.TimeoutExpired:
        raise SetupError("the server did not end within 60 s of SIGTERM.") from None
    demand(status == 0, f"the server ended with {status} after SIGTERM")


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str], what: str) -> None:
    """Waits until something answers.

    Raises:
        SetupError: Its process ended, or it took too long.
    """
    until = time.monotonic() + WAIT_SEC
    while not ready():
        demand(process.poll() is None, f"{what} ended with {process.poll()}; see above.")
        demand(time.monotonic() < until, f"{what} does not answer after {WAIT_SEC:.0f} s.")
        time.sleep(0.5)


def can_read(url: str) -> bool:
    """Tells whether a URL answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    """Tells whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def free_port() -> int:
    """Returns a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
