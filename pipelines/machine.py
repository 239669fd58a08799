"""Takes the snapshot of a machine and an installation on which `pipelines.doctor` decides.

It makes nothing and changes nothing. TensorFlow is asked in a process of its own, since it may take
ten seconds, or crash.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from pipelines import stack as stacks
from pipelines.doctor import GIB, SET_UP, Devices, Engine, Java, Metadata, Snapshot
from pipelines.errors import MetadataError, RingwayError
from pipelines.lineage.url import mask, parse
from pipelines.runners.beam import jars
from pipelines.workspace import REPOSITORY, Workspace

PACKAGES = (
    "tfx",
    "tensorflow",
    "keras",
    "keras-tuner",
    "apache-beam",
    "ml-metadata",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "protobuf",
    "numpy",
)
DEVICES_TIMEOUT_SEC = 120.0
_ASK_TENSORFLOW = """
import json, tensorflow as tf
names = [device.name for device in tf.config.list_physical_devices()]
print("\\n" + json.dumps([name.removeprefix("/physical_device:") for name in names]))
"""
FLINK_URL = "http://localhost:8081"  # Flink's own default, and that of the profile `flink`
_ENGINE_TIMEOUT_SEC = 1.0
_JAVA_TIMEOUT_SEC = 10.0
# How a server says that the database itself is missing, which a run would make.
_NO_DATABASE = re.compile(r"Unknown database|database \S+ does not exist")


def take_snapshot(
    workspace: Workspace, *, devices_timeout_sec: float = DEVICES_TIMEOUT_SEC
) -> Snapshot:
    """Returns the state of this machine and installation.

    Args:
        workspace: Where runs write.
        devices_timeout_sec: How long TensorFlow may take to start.
    """
    stack = installed_stack()
    limit, free = memory_bytes()
    place = nearest_existing(workspace.root)
    return Snapshot(
        stack=stack,
        python=platform.python_version(),
        versions=installed_versions(PACKAGES),
        locked=locked_versions(stack),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=limit / GIB,
        free_memory_gib=free / GIB,
        root=workspace.root,
        root_writable=place.is_dir() and os.access(place, os.W_OK | os.X_OK),
        free_disk_gib=shutil.disk_usage(place).free / GIB,
        devices=ask_tensorflow(timeout_sec=devices_timeout_sec),
        metadata=ask_metadata(workspace.metadata_url),
        java=ask_java(),
        engines=engines(os.environ) if stack in stacks.NAMES else (),
    )


def installed_stack() -> str | None:
    """Returns the installed stack, or None."""
    try:
        return stacks.name()
    except RingwayError:
        return None


def installed_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Returns the installed release of each package, None for a missing one."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def locked_versions(stack: str | None) -> dict[str, str]:
    """Returns what a stack's lock lists once for all Pythons; nothing without a lock."""
    lock = REPOSITORY / "requirements" / f"{stack}.txt"
    if stack is None or not lock.exists():
        return {}
    pins = re.findall(r"^([a-z0-9-]+)==([^\s;]+) *(?:\\)?$", lock.read_text(), re.MULTILINE)
    return dict(pins)


def memory_bytes() -> tuple[int, int]:
    """Returns what this process may use in all, and what is free, heeding a container's limit."""
    memory = psutil.virtual_memory()
    limit, used = cgroup_value("memory.max"), cgroup_value("memory.current")
    if limit is None or used is None or limit >= memory.total:
        return memory.total, memory.available
    return limit, max(0, min(memory.available, limit - used))


def cgroup_value(name: str) -> int | None:
    """Returns a number of this process's control group (v2); None for none, or no limit."""
    file = Path("/sys/fs/cgroup") / name
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text.isdigit() else None


def nearest_existing(path: Path) -> Path:
    """Returns the path itself, or the closest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def ask_tensorflow(*, timeout_sec: float) -> Devices:
    """Returns the devices that TensorFlow lists in a process of its own, or why it did not."""
    names: tuple[str, ...] = ()
    error = ""
    try:
        told = subprocess.run(
            [sys.executable, "-c", _ASK_TENSORFLOW],
            capture_output=True,
            text=True,
            timeout=timeout_sec,
            check=False,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired:
        error = f"no answer within {timeout_sec:g} s"
    else:
        if told.returncode == 0:
            names = tuple(json.loads(told.stdout.splitlines()[-1]))
        else:
            error = failure(told.returncode, told.stderr)
    return Devices(names=names, error=error, nvidia=Path("/dev/nvidia0").exists(), avx=has_avx())


def failure(returncode: int, stderr: str) -> str:
    """Returns in one line how a Python process failed."""
    if returncode < 0:
        return f"it was ended by {signal.Signals(-returncode).name}"
    lines = stderr.strip().splitlines()
    return lines[-1].strip() if lines else f"it ended with exit status {returncode}"


def has_avx() -> bool:
    """Tells whether the processor has AVX; True where that cannot be seen."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return flags is None or "avx" in flags.group(1).split()


def ask_metadata(url: str) -> Metadata:
    """Returns how the metadata store stands; it is opened for reading only."""
    masked = mask(url)
    try:
        path = parse(url).path
        if path is not None and not path.exists():
            return Metadata(url=masked, absent=True)
        # Imported here, so that a missing ml-metadata is a finding like any other.
        from pipelines.lineage.store import open_store

        open_store(url, read_only=True)
    except ImportError as error:
        return Metadata(url=masked, error=f"ml-metadata cannot be imported: {error}", remedy=SET_UP)
    except MetadataError as error:
        absent = _NO_DATABASE.search(str(error)) is not None
        return Metadata(url=masked, error=str(error), remedy=error.remedy, absent=absent)
    return Metadata(url=masked, reachable=True)


def ask_java() -> Java:
    """Returns the Java that is first on the path, and whether Maven is there."""
    maven = shutil.which("mvn") is not None
    try:
        told = subprocess.run(
            ["java", "-version"],
            capture_output=True,
            text=True,
            timeout=_JAVA_TIMEOUT_SEC,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Java(maven=maven)
    found = re.search(r'version "([^"]+)"', told.stderr + told.stdout)
    return Java(version=found[1] if found else "", maven=maven)


def engines(environment: Mapping[str, str], flink_url: str = FLINK_URL) -> tuple[Engine, ...]:
    """Returns how the engines stand that Beam can run on besides its own.

    Args:
        environment: Environment variables; they tell where job servers are kept.
        flink_url: Where a Flink would answer.
    """
    found = {name: jars.find(name, environment) for name in jars.ENGINES}
    return tuple(
        Engine(
            name=name,
            job_server=jar,
            fetch=jars.fetch_command(name, environment),
            supported=jars.flink_release(jar) if jar else "",
            cluster=_flink_release(flink_url) if name == "flink" else "",
        )
        for name, jar in found.items()
    )


def _flink_release(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/overview", timeout=_ENGINE_TIMEOUT_SEC) as answer:
            release = json.load(answer).get("flink-version", "")
    except (OSError, ValueError, AttributeError):
        return ""  # nobody, or somebody else's server
    return f"{release}"
