"""What is amiss on a machine, and the remedy: findings from a snapshot, without measuring anything.

`pipelines.machine` takes the snapshot and `pipelines.cli.doctor` shows the findings.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from pathlib import Path

GIB = 2**30
# One process that has imported TFX and TensorFlow holds about 1 GiB, and a run has two to three.
NEEDED_MEMORY_GIB = 2.0
WISHED_MEMORY_GIB = 4.0
# A run of taxi leaves tens of megabytes; one on millions of rows a few gigabytes.
NEEDED_DISK_GIB = 0.5
WISHED_DISK_GIB = 5.0
WISHED_CORES = 2
SET_UP = "Set up anew: make clean venv"
# Older ones run no job server of Beam's.
WISHED_JAVA = 11


class Level(enum.StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # works, but worse than it could
    SHORTFALL = "shortfall"  # prevents work


@dataclasses.dataclass(frozen=True, kw_only=True)
class Devices:
    """What TensorFlow sees.

    Attributes:
        names: Such as `CPU:0` and `GPU:0`.
        error: Why TensorFlow could not be asked; empty when it answered.
        nvidia: Whether the kernel has an NVIDIA device, whatever TensorFlow sees.
        avx: Whether the processor has the AVX instructions that TensorFlow's wheels are built for.
    """

    names: tuple[str, ...] = ()
    error: str = ""
    nvidia: bool = False
    avx: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
    """How the metadata store stands.

    Attributes:
        url: Where it is, without the password.
        reachable: Whether it was opened.
        error: Why it was not opened.
        remedy: What the store's own error advises.
        absent: Nothing is there yet, and the first run makes it.
    """

    url: str
    reachable: bool = False
    error: str = ""
    remedy: str = ""
    absent: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Engine:
    """How an engine that Beam can run on stands.

    Attributes:
        name: `flink` or `spark`.
        job_server: Where Beam's job server for it lies; None where it is not on this machine.
        fetch: The command that fetches it.
        supported: The engine's release that the job server is made for; empty where any will do.
        cluster: What answers at the engine's usual address, by its release; empty for nothing.
    """

    name: str
    job_server: Path | None
    fetch: str
    supported: str = ""
    cluster: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Java:
    """What runs Beam's job servers, and what fetches them.

    Attributes:
        version: Such as `17.0.15`; empty for none.
        maven: Whether Maven is there.
    """

    version: str = ""
    maven: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A machine and an installation at one moment.

    Attributes:
        stack: Such as `tfx-1.16`; None when TFX is not installed.
        python: Version of the interpreter.
        versions: Installed releases by package; None for a package that is missing.
        locked: The releases that the stack's lock lists.
        cores: How many this process may use.
        memory_gib: What this process may use in all.
        free_memory_gib: What is free now.
        root: Folder that holds everything made by runs.
        root_writable: Whether this user may write there, or make it.
        free_disk_gib: What is free where the root is.
        devices: What TensorFlow sees.
        metadata: How the metadata store stands.
        java: What runs Beam's job servers; only engines other than Beam's own need it.
        engines: Those that Beam can run on besides.
    """

    stack: str | None
    python: str
    versions: Mapping[str, str | None]
    locked: Mapping[str, str]
    cores: int
    memory_gib: float
    free_memory_gib: float
    root: Path
    root_writable: bool
    free_disk_gib: float
    devices: Devices
    metadata: Metadata
    java: Java = Java()
    engines: tuple[Engine, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was looked at.
        level: How much it matters.
        found: What was seen.
        remedy: What to do; empty when nothing is amiss.
    """

    subject: str
    level: Level
    found: str
    remedy: str = ""


def examine(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Returns what was found, in the order in which it is shown."""
    return (
        _stack(snapshot),
        *(_package(name, snapshot) for name in snapshot.versions),
        _cores(snapshot.cores),
        _memory(snapshot),
        _disk(snapshot),
        _devices(snapshot.devices),
        _metadata(snapshot.metadata),
        _java(snapshot.java),
        *(_engine(engine, snapshot.java) for engine in snapshot.engines),
    )


def healthy(findings: tuple[Finding, ...]) -> bool:
    """Tells whether nothing prevents work."""
    return all(finding.level != Level.SHORTFALL for finding in findings)


def _stack(snapshot: Snapshot) -> Finding:
    if snapshot.stack is None:
        return Finding(
            subject="stack",
            level=Level.SHORTFALL,
            found=f"none: TFX is not installed for this Python {snapshot.python}",
            remedy="Call .venv/bin/ringway. Where there is none: make run",
        )
    found = f"{snapshot.stack} on Python {snapshot.python}"
    return Finding(subject="stack", level=Level.OK, found=found)


def _package(name: str, snapshot: Snapshot) -> Finding:
    version, locked = snapshot.versions[name], snapshot.locked.get(name)
    if version is None:
        return Finding(
            subject=name, level=Level.SHORTFALL, found="not installed", remedy=f"{SET_UP}."
        )
    if locked is not None and locked != version:
        return Finding(
            subject=name,
            level=Level.NOTE,
            found=f"{version}; the lock lists {locked}",
            remedy=f"{SET_UP}.",
        )
    return Finding(subject=name, level=Level.OK, found=version)


def _cores(cores: int) -> Finding:
    if cores >= WISHED_CORES:
        return Finding(subject="cores", level=Level.OK, found=str(cores))
    return Finding(
        subject="cores",
        level=Level.NOTE,
        found=f"{cores}; nodes that could run at the same time take turns",
        remedy=f"Give the machine or container {WISHED_CORES} or more.",
    )


def _memory(snapshot: Snapshot) -> Finding:
    free = snapshot.free_memory_gib
    found = f"{free:.1f} GiB free of {snapshot.memory_gib:.1f}"
    if free >= WISHED_MEMORY_GIB:
        return Finding(subject="memory", level=Level.OK, found=found)
    needed = free < NEEDED_MEMORY_GIB
    wanted = NEEDED_MEMORY_GIB if needed else WISHED_MEMORY_GIB
    return Finding(
        subject="memory",
        level=Level.SHORTFALL if needed else Level.NOTE,
        found=found,
        remedy=f"End other programs, or give the machine or container more: {wanted:g} GiB free.",
    )


def _disk(snapshot: Snapshot) -> Finding:
    free = snapshot.free_disk_gib
    found = f"{free:.1f} GiB free at {snapshot.root}"
    if not snapshot.root_writable:
        return Finding(
            subject="disk",
            level=Level.SHORTFALL,
            found=f"{snapshot.root} cannot be written",
            remedy="Make it writable for this user, or set RINGWAY_HOME to a folder that is.",
        )
    if free >= WISHED_DISK_GIB:
        return Finding(subject="disk", level=Level.OK, found=found)
    needed = free < NEEDED_DISK_GIB
    wanted = NEEDED_DISK_GIB if needed else WISHED_DISK_GIB
    return Finding(
        subject="disk",
        level=Level.SHORTFALL if needed else Level.NOTE,
        found=found,
        remedy=f"Free some, or set RINGWAY_HOME to a folder on a disk with {wanted:g} GiB free.",
    )


def _devices(devices: Devices) -> Finding:
    if devices.error:
        return Finding(
            subject="devices",
            level=Level.SHORTFALL,
            found=f"TensorFlow does not start: {devices.error}",
            remedy=f"{SET_UP}."
            if devices.avx
            else "Its wheels need a processor with AVX; virtual machines may hide it.",
        )
    found = ", ".join(devices.names) or "none"
    if devices.nvidia and not any(name.startswith("GPU") for name in devices.names):
        return Finding(
            subject="devices",
            level=Level.NOTE,
            found=f"{found}; TensorFlow does not see the NVIDIA device of this machine",
            remedy="Check the driver with nvidia-smi, and that the CUDA libraries of "
            "`tensorflow[and-cuda]` are installed.",
        )
    return Finding(subject="devices", level=Level.OK, found=found)


def _metadata(metadata: Metadata) -> Finding:
    if metadata.reachable:
        return Finding(subject="metadata", level=Level.OK, found=f"{metadata.url} answers")
    if metadata.absent:
        found = f"nothing at {metadata.url} yet; the first run makes it"
        return Finding(subject="metadata", level=Level.OK, found=found)
    return Finding(
        subject="metadata",
        level=Level.SHORTFALL,
        found=re.sub(r"\s+", " ", metadata.error).strip(),
        remedy=metadata.remedy or "Start the server, or correct RINGWAY_METADATA_URL.",
    )


def _java(java: Java) -> Finding:
    major = re.match(r"[0-9]+", java.version)
    if major is not None and int(major[0]) >= WISHED_JAVA:
        return Finding(subject="java", level=Level.OK, found=java.version)
    return Finding(
        subject="java",
        level=Level.NOTE,
        found=f"{java.version or 'none'}; --beam flink and --beam spark need Java {WISHED_JAVA}",
        remedy="Only if you want one of them. On Debian: apt-get install default-jre-headless",
    )


def _engine(engine: Engine, java: Java) -> Finding:
    subject = f"beam on {engine.name}"
    if engine.job_server is None:
        maven = "" if java.maven else "apt-get install maven (on Debian), then "
        return Finding(
            subject=subject,
            level=Level.NOTE,
            found="Beam's job server for it is not on this machine",
            remedy=f"Only if you want it: {maven}python3 setup/beam_jars.py, or {engine.fetch}",
        )
    found = f"{engine.job_server}"
    if not engine.cluster:
        return Finding(subject=subject, level=Level.OK, found=found)
    if engine.supported and not engine.cluster.startswith(f"{engine.supported}."):
        return Finding(
            subject=subject,
            level=Level.NOTE,
            found=f"{found}; made for {engine.supported}, and {engine.cluster} answers",
            remedy=f"Let {engine.name} {engine.supported} run, or name its job server as the "
            "profile's jar.",
        )
    return Finding(subject=subject, level=Level.OK, found=f"{found}; {engine.cluster} answers")
