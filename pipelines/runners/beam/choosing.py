"""The flags of Beam that a profile stands for, and why they are those: pure functions.

With `direct` the data's size decides between one process and all cores. Measured on flights, two
cores that others used as well, Beam 2.61; seconds that passed, and of processors where it says so:

    rows                  6,751         76,171                   327,346
    StatisticsGen     3.2 / 11.6     10.7 / 69.2; 9 / 21 busy    28 / 39 busy    one / two processes
    Transform         7.8 / 20.1     19.3 / 73.7

A process takes 6 to 7 s to start, and what goes from one to another is copied. By the busy time two
cores break even at about 150,000 rows, where a split's examples lie in several files, as each file
is read by one process; in one file, at none of these sizes. So a run counts as large at four times
that.

What is known of machine and data is gathered by `facts`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.errors import RingwayError
from pipelines.runners.beam import dataflow
from pipelines.runners.beam.profiles import BeamProfile

# From how many bytes of data on several processes are taken: 600,000 flights in CSV.
LARGE_BYTES = 100 * 10**6
# What each further process takes: 0.8 once it has imported TensorFlow, more with a model in it, and
# two nodes may run at the same time.
PROCESS_GIB = 2.0
# TFX packs itself for workers wherever Beam has a flag, which takes a second for each node. Where
# workers run what is installed already, it has to be told that there is an image.
_PACK_NOTHING = "--sdk_container_image=unused"
# Beam's own `DirectRunner` of later releases fetches a program from the network, and tries it
# first. This is what both releases come down to otherwise.
_IN_PROCESS = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much a run reads.

    Attributes:
        data_bytes: Of the data files; None where that is not known.
    """

    data_bytes: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """What this machine has.

    Attributes:
        cores: How many this process may use.
        free_memory_gib: What is free now.
        job_servers: Where the job server of an engine lies; none for one that is not here.
        fetch_commands: How to get it.
        server_flags: What its Java has to be started with, by engine.
        dataflow_flags: What the installed Beam has to be told for Dataflow.
    """

    cores: int
    free_memory_gib: float
    job_servers: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    fetch_commands: Mapping[str, str] = dataclasses.field(default_factory=dict)
    server_flags: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    dataflow_flags: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamChoice:
    """Flags for Beam.

    Attributes:
        args: The flags.
        because: What was chosen and why, as it goes on after `Beam: `.
        profile: The profile with what it left open decided, so that the same comes of it again.
    """

    args: tuple[str, ...]
    because: str
    profile: BeamProfile


def make_args(profile: BeamProfile, sizes: Sizes, machine: Machine) -> BeamChoice:
    """Returns what a profile comes down to for this data on this machine.

    Raises:
        UsageError: The profile lacks something that its engine cannot do without.
        RingwayError: The job server of the engine is not on this machine.
    """
    if profile.engine == "direct":
        choice = _direct(profile, sizes, machine)
    elif profile.engine == "dataflow":
        choice = BeamChoice(
            args=(*dataflow.flags(profile), *machine.dataflow_flags),
            because=dataflow.told(profile),
            profile=profile,
        )
    else:
        choice = _cluster(profile, machine)
    return dataclasses.replace(choice, args=(*choice.args, *profile.args))


def _direct(profile: BeamProfile, sizes: Sizes, machine: Machine) -> BeamChoice:
    processes, because = _processes(profile, sizes, machine)
    several = (
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={processes}",
    )
    return BeamChoice(
        args=(_IN_PROCESS, *(several if processes > 1 else ()), _PACK_NOTHING),
        because=f"{'one process' if processes == 1 else f'{processes} processes'}, {because}",
        profile=dataclasses.replace(profile, processes=processes),
    )


def _processes(profile: BeamProfile, sizes: Sizes, machine: Machine) -> tuple[int, str]:
    """Returns how many processes, and why."""
    if profile.processes:
        return profile.processes, f"as profile {profile.name} says"
    if sizes.data_bytes is None:
        return 1, "as the size of the data is not known"
    size = in_words(sizes.data_bytes)
    if sizes.data_bytes < LARGE_BYTES:
        return 1, f"{size} of data is below {in_words(LARGE_BYTES)}"
    if machine.cores == 1:
        return 1, "as there is one core"
    room = int(machine.free_memory_gib / PROCESS_GIB)
    if room < 2:
        free = f"{machine.free_memory_gib:.1f} GiB"
        return 1, f"as {free} of memory are free, and each further one needs {PROCESS_GIB:g}"
    count = min(machine.cores, room)
    held = "" if count == machine.cores else f"; memory has no room for all {machine.cores} cores"
    return count, f"{size} of data is {in_words(LARGE_BYTES)} or more{held}"


def _cluster(profile: BeamProfile, machine: Machine) -> BeamChoice:
    engine = profile.engine
    args = [{"flink": "--runner=FlinkRunner", "spark": "--runner=SparkRunner"}[engine]]
    if profile.master:
        option = {"flink": "--flink_master", "spark": "--spark_master_url"}[engine]
        args.append(f"{option}={profile.master}")
    if profile.job_endpoint:
        args.append(f"--job_endpoint={profile.job_endpoint}")
    else:
        args += _job_server(profile, machine)
    if profile.parallelism:
        args.append(f"--parallelism={profile.parallelism}")
    args += _workers(profile)
    place = profile.master or f"the job server {profile.job_endpoint}"
    because = f"{engine} at {place}, workers {profile.workers} (profile {profile.name})"
    return BeamChoice(args=tuple(args), because=because, profile=profile)


def _job_server(profile: BeamProfile, machine: Machine) -> list[str]:
    engine = profile.engine
    jar = profile.jar or machine.job_servers.get(engine)
    if not jar:
        raise RingwayError(
            f"Beam's job server for {engine} is not on this machine.",
            remedy="Fetch it once: python3 setup/beam_jars.py, or "
            f"{machine.fetch_commands[engine]}",
        )
    java = [f"-Xmx{profile.memory}", *machine.server_flags.get(engine, ())]
    return [
        f"--{engine}_job_server_jar={jar}",
        *(f"--job_server_jvm_properties={flag}" for flag in java),
    ]


def _workers(profile: BeamProfile) -> list[str]:
    configured = {
        "loopback": "",
        "external": profile.worker_pool,
        "process": json.dumps({"command": profile.worker_command}),
        "docker": profile.image,
    }[profile.workers]
    args = [f"--environment_type={profile.workers.upper()}"]
    if configured:
        args.append(f"--environment_config={configured}")
    if profile.worker_processes != 1:
        args.append(f"--sdk_worker_parallelism={profile.worker_processes}")
    args.append(f"--sdk_container_image={profile.image}" if profile.image else _PACK_NOTHING)
    return args


def in_words(size: int) -> str:
    """Returns a size in words, such as `2.1 MB`: thousands of thousands of bytes."""
    if size >= 10**9:
        return f"{size / 10**9:.1f} GB"
    return f"{size / 10**6:.1f} MB" if size >= 10**5 else f"{size / 1000:.1f} kB"
