"""Gathers what the choice of Beam's flags depends on: machine, and size of the data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from pipelines import data_files, stack
from pipelines.config import ConfigT, PipelineConfig
from pipelines.errors import RingwayError
from pipelines.runners.beam import jars
from pipelines.runners.beam.choosing import BeamChoice, Machine, Sizes, make_args
from pipelines.runners.beam.profiles import BeamConfig


def choice(config: PipelineConfig, environment: Mapping[str, str] = os.environ) -> BeamChoice:
    """Returns Beam's flags for a run of a pipeline on this machine, and why they are those.

    Args:
        config: Of the pipeline, with its `data_root` filled.
        environment: Environment variables.

    Raises:
        UsageError: The profile lacks something that its engine cannot do without.
        RingwayError: The job server of the engine is not on this machine.
    """
    profile = config.beam.chosen
    made = make_args(profile, sizes(config), machine(environment))
    return dataclasses.replace(made, args=(*made.args, *config.beam_args))


def with_data(config: ConfigT, folder: Path) -> ConfigT:
    """Returns a configuration that reads a folder, if it is there; otherwise the same."""
    return dataclasses.replace(config, data_root=str(folder)) if folder.is_dir() else config


def settled(config: ConfigT, chosen: BeamChoice) -> ConfigT:
    """Returns a configuration with which every later choice is the one that was made.

    Memory that is free now may not be free a moment later; what a user was told has to hold.
    """
    profiles = (chosen.profile,)
    return dataclasses.replace(
        config, beam=BeamConfig(profile=chosen.profile.name, profiles=profiles)
    )


def args(config: PipelineConfig) -> list[str]:
    """Returns Beam's flags for a run of a pipeline on this machine."""
    return list(choice(config).args)


def sizes(config: PipelineConfig) -> Sizes:
    """Returns how much a run reads; unknown where the data is not there yet."""
    if not config.data_root:
        return Sizes()
    try:
        listing = data_files.listed(Path(config.data_root), config.input_pattern, config.span_range)
        return Sizes(data_bytes=sum(path.stat().st_size for path in listing.files))
    except (RingwayError, OSError):
        return Sizes()  # whoever reads the data says what is amiss


def machine(environment: Mapping[str, str]) -> Machine:
    """Returns what this machine has."""
    from pipelines.machine import GIB, memory_bytes

    _, free = memory_bytes()
    found = {engine: jars.find(engine, environment) for engine in jars.ENGINES}
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        free_memory_gib=free / GIB,
        job_servers={engine: path for engine, path in found.items() if path is not None},
        fetch_commands={engine: jars.fetch_command(engine, environment) for engine in jars.ENGINES},
        server_flags={engine: stack.job_server_flags(engine) for engine in jars.ENGINES},
        dataflow_flags=stack.dataflow_flags(),
    )
