"""Builds both images and runs them, without a registry: `python3 setup/image_proof.py`.

As root on Debian, with buildah and debootstrap. A base is made (`setup/image_base.py`), both images
are built on it (`setup/images.py`), and run (`setup/image_container.py`). The pipeline image runs
the taxi pipeline to a pushed model; the serving image serves it, says that it is healthy, answers
over gRPC and REST, and ends when it is told to. What was built is removed.

Parses on Python 3.8 and needs nothing but the standard library, save for the gRPC question, which
`.venv` asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Iterator, Mapping, NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))  # called as a script, only `setup/` is there

from setup import image_base, images  # noqa: E402
from setup.bootstrap import INTERRUPTED, REFUSED, SetupError, say  # noqa: E402
from setup.image_container import (  # noqa: E402
    USER,
    WAIT_SEC,
    Container,
    can_read,
    demand,
    free_port,
    listens,
    run_in,
    start,
    stop,
    told,
    unpacked,
    wait_until,
)

BASE = "localhost/ringway-base:13"
NEEDED_BYTES = 12_000_000_000
# What the build gets to see of the checkout, and what images keep of it.
REPOSITORY_FILES = {
    "LICENSE",
    "README.md",
    "components",
    "pipelines",
    "pyproject.toml",
    "schemas",
    "serving",
}
# What must not lie in an image: tools to compile, and what is left of the building.
REFUSED_FILES = (
    "opt/wheels",
    "usr/bin/cc",
    "usr/bin/g++",
    "usr/bin/gcc",
    "var/cache/uv",
)
REFUSED_DISTRIBUTIONS = {
    "pipeline": ("mypy", "pytest", "ruff"),
    "serving": ("apache_beam", "ml_metadata", "pip", "tfx"),
}
TRIP = {
    "fare": 12.5,
    "trip_miles": 3.0,
    "trip_seconds": 600,
    "payment_type": "Cash",
    "company": "",
    "pickup_community_area": 8,
    "dropoff_community_area": 32,
    "trip_start_hour": 19,
    "trip_start_day": 6,
    "trip_start_month": 5,
}


def main() -> NoReturn:
    """Proves the images; an error becomes one line and an exit code."""
    try:
        prove()
    except SetupError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(0)


def prove() -> None:
    """Builds and runs both images, and prints what they weigh and what took how long.

    Raises:
        SetupError: This machine cannot, or something is not as it has to be.
    """
    cache = image_base.cache_folder(os.environ)
    refuse_unless_able(cache)
    image_base.kept_archive(cache)
    with scratch(cache) as folder:
        clock = Clock()
        image_base.build(BASE, cache)
        clock.tell("base")
        print(images.table(images.build("buildah", order(cache), os.environ)), flush=True)
        clock.tell("both images")
        home = folder / "home"
        home.mkdir()
        os.chown(home, USER, USER)
        with unpacked("pipeline") as container:
            check_contents("pipeline", container)
            run_pipeline(container, home)
        clock.tell("pipeline image")
        with unpacked("serving") as container:
            check_contents("serving", container)
            serve(container, home)
        clock.tell("serving image")


def refuse_unless_able(cache: Path) -> None:
    """Checks what the proof needs.

    Raises:
        SetupError: Says in one line what is missing.
    """
    if shutil.which("buildah") is None:
        raise SetupError("images are proven with buildah: apt-get install buildah.", REFUSED)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise SetupError(
            f"images need {NEEDED_BYTES / 1e9:.0f} GB in {cache} for a while; {free / 1e9:.0f} GB "
            "are free. RINGWAY_CACHE names another folder.",
            REFUSED,
        )


def order(cache: Path) -> images.Order:
    """Returns what is built: both images on a base of our own, with packages that lie here."""
    roots = sorted(cache.glob("*/root/.cache/uv"), key=lambda path: path.stat().st_mtime)
    kept = str(roots[-1]) if roots else ""
    arguments = images.parser().parse_args([f"--base={BASE}", f"--cache={kept}", "--tag=proof"])
    return images.order(arguments)


@contextlib.contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """Gives buildah a store of its own, removed at the end, with STORAGE_DRIVER."""
    folder = Path(tempfile.mkdtemp(prefix="image-proof-", dir=cache))
    driver = os.environ.get("STORAGE_DRIVER") or "overlay"
    before = dict(os.environ)
    os.environ["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")
    os.environ["TMPDIR"] = str(folder)
    try:
        write_storage(folder, driver)
        if driver == "overlay" and not images.answers(["buildah", "info"]):
            say(
                "file systems cannot be laid over each other here; copying them: STORAGE_DRIVER=vfs"
            )
            write_storage(folder, "vfs")
        yield folder
    finally:
        null = subprocess.DEVNULL
        for command in (["rm", "--all"], ["rmi", "--all", "--force"]):
            subprocess.run(["buildah", *command], stdout=null, stderr=null, check=False)
        os.environ.clear()
        os.environ.update(before)
        subprocess.run(
            ["umount", "--lazy", "--quiet", str(folder / "graph" / "overlay")], check=False
        )
        shutil.rmtree(folder, ignore_errors=True)


def write_storage(folder: Path, driver: str) -> None:
    """Writes the settings of buildah's store."""
    lines = ["[storage]", f'driver = "{driver}"']
    lines += [
        f'{name} = "{folder / place}"'
        for name, place in (("graphroot", "graph"), ("runroot", "run"))
    ]
    (folder / "storage.conf").write_text("\n".join([*lines, ""]))


class Clock:
    """Tells how long each step took."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, step: str) -> None:
        """Prints how long it is since the step before."""
        now = time.monotonic()
        print(f"{step}: {now - self._began:.0f} s", flush=True)
        self._began = now


def check_contents(target: str, container: Container) -> None:
    """Checks what an image holds and says of itself.

    Raises:
        SetupError: Something is there that must not be, or lacks.
    """
    config = container.config
    demand(config["User"] == f"{USER}:{USER}", f"{target} runs as {config['User']!r}")
    demand(config["StopSignal"] == "SIGTERM", f"{target} is stopped by {config['StopSignal']!r}")
    demand(config["Healthcheck"]["Test"][0] == "CMD", f"{target} has no health check")
    labels = config["Labels"]
    demand(labels["org.opencontainers.image.title"] == f"ringway-{target}", "it has no title")
    found = [name for name in REFUSED_FILES if os.path.lexists(container.root / name)]
    demand(not found, f"{target} holds {', '.join(found)}")
    strange = {path.name for path in (container.root / "opt/ringway").iterdir()} - REPOSITORY_FILES
    demand(not strange, f"{target} got to see {', '.join(sorted(strange))} of the checkout")
    packages = next((container.root / "opt/venv/lib").glob("python3*/site-packages"))
    unwanted = [name for name in REFUSED_DISTRIBUTIONS[target] if (packages / name).exists()]
    demand(not unwanted, f"{target} installs {', '.join(unwanted)}")
    demand(not list(container.root.glob("run/secrets/*")), f"{target} holds secrets")
    settings = [pair for pair in config["Env"] if pair.startswith(("PIP_", "UV_", "SSL_", "NETRC"))]
    demand(not settings, f"{target} keeps settings of its build: {settings}")
    written = writable(container.root / "opt")
    demand(not written, f"{target} lets its user write {written[:3]}")
    say(f"{target}: contents, user, labels and health check are as they have to be")


def writable(folder: Path) -> list[str]:
    """Returns files that are not root's, or that others may write."""
    command = [
        "find",
        str(folder),
        "!",
        "-type",
        "l",
        "(",
        "!",
        "-uid",
        "0",
        "-o",
        "-perm",
        "/022",
        ")",
    ]
    return told(command).splitlines()


def run_pipeline(container: Container, home: Path) -> None:
    """Runs the taxi pipeline, and what clusters call, in the pipeline image.

    Raises:
        SetupError: Something failed, or no model was pushed.
    """
    mounts = {home: container.home}
    run_in(container, container.health_check, mounts, WAIT_SEC)
    task = ["python", "-m", "pipelines.runners.kubeflow.task", "--help"]
    run_in(container, task, mounts, WAIT_SEC)
    run_in(container, container.command("run", "taxi"), mounts, 600)
    models = sorted(home.glob("models/taxi/*/saved_model.pb"))
    demand(bool(models), "the pipeline ended well, yet pushed no model")
    demand(models[0].stat().st_uid == USER, "the model belongs to another user")
    check_worker_pool(container, mounts)


def check_worker_pool(container: Container, mounts: Mapping[Path, str]) -> None:
    """Checks that the image is a pool of Beam's workers when a runner starts it as one."""
    port = free_port()
    command = container.command("--worker_pool", f"--worker_pool_port={port}")
    process = start(container, command, mounts)
    try:
        wait_until(lambda: listens(port), process, "the pool of Beam's workers")
    finally:
        process.kill()
        process.wait()
    say("pipeline: a pool of Beam's workers waits for runners")


def serve(container: Container, home: Path) -> None:
    """Serves the pushed model, and asks the server.

    Raises:
        SetupError: It does not start, is not healthy, gives no answer or does not end.
    """
    port, rest = free_port(), free_port()
    flags = [f"--port={port}", f"--rest_api_port={rest}", "--model_name=taxi"]
    models = {home / "models" / "taxi": "/models/taxi"}
    health = f"http://127.0.0.1:{rest}/healthz"
    command = container.command(*flags, "--model_base_path=/models/taxi")
    process = start(container, command, models)
    try:
        wait_until(lambda: can_read(f"http://127.0.0.1:{rest}/readyz"), process, "the model server")
        check = start(container, container.health_check, {}, RINGWAY_HEALTH_URL=health)
        demand(check.wait(WAIT_SEC) == 0, "the server answers, yet its health check fails")
        ask(port, rest, home)
        stop(process)
    finally:
        process.kill()
        process.wait()
    # Where nothing listens any more, the health check has to say so.
    check = start(container, container.health_check, {}, RINGWAY_HEALTH_URL=health)
    demand(check.wait(WAIT_SEC) != 0, "the health check passes though there is no server")
    say("serving: healthy, answers over gRPC and REST, ends when told to")


def ask(port: int, rest: int, home: Path) -> None:
    """Asks for a prediction over both protocols."""
    body = {"signature_name": "serving_tensors", "instances": [TRIP]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{rest}/v1/models/taxi:predict", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        predictions = json.load(answer)["predictions"]
    demand(0 <= predictions[0][0] <= 1, f"the answer is no probability: {predictions}")
    say(f"serving: REST answers {predictions}")
    ringway = REPOSITORY / ".venv" / "bin" / "ringway"
    command = [str(ringway), "predict", "taxi", "--server", f"127.0.0.1:{port}", "--json"]
    environment = {**os.environ, "RINGWAY_HOME": str(home)}
    done = subprocess.run([*command, json.dumps(TRIP)], env=environment, check=False)
    demand(done.returncode == 0, "no answer over gRPC; see above.")


if __name__ == "__main__":
    main()
