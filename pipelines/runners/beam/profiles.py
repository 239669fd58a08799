"""Profiles: on which engine Beam runs, as data that is checked as it is made.

    [beam]
    profile = "cluster"

    [[beam.profiles]]
    name = "cluster"
    engine = "flink"
    master = "flink-jobmanager:8081"
    parallelism = 8
    workers = "external"
    worker_pool = "localhost:50000"

Nothing here imports Beam. Which flags a profile stands for is told by `choosing`.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pipelines import typed_values
from pipelines.errors import UsageError
from pipelines.typed_values import ConfigValueError, Count

Engine = Literal["direct", "flink", "spark", "dataflow"]
Workers = Literal["loopback", "external", "process", "docker"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_HEAP = re.compile(r"[1-9][0-9]*[mg]")
_ADDRESS = re.compile(r"[^\s:/]+:[0-9]{1,5}")
_CLUSTER = (
    "parallelism", "memory", "master", "job_endpoint", "jar", "workers", "worker_pool",
    "worker_command", "worker_processes", "image",
)  # fmt: skip
# Of each engine: the fields that mean something to it.
_FIELDS: Mapping[str, Sequence[str]] = {
    "direct": ("processes",),
    "flink": _CLUSTER,
    "spark": _CLUSTER,
    "dataflow": (
        "project", "region", "temp_location", "staging_location", "image", "machine_type",
        "max_workers", "service_account", "subnetwork",
    ),
}  # fmt: skip
# Where workers are started, and what has to be told for it.
_NEEDED_BY_WORKERS = {
    "external": ("worker_pool", "the address of a worker pool beside each worker of the engine"),
    "process": ("worker_command", "the path of the program that starts a worker"),
    "docker": ("image", "the image that workers run in"),
}
_HERE = re.compile(
    r"(https?://)?(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?/?|local(\[.+\])?|\[(local|auto)\]"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamProfile:
    """An engine, and how it is used. A field that an engine has no use for has to stay empty.

    Attributes:
        name: What `--beam` calls it: small letters, digits, `-` and `_`.
        engine: `direct` is Beam's own runner on this machine.
        processes: Of `direct`: how many; 0 chooses by the data's size.
        parallelism: Of Flink and Spark: how many parts of a step run at the same time; 0 for the
            engine's own default.
        memory: Heap of a job server that is started here, such as `512m` or `2g`; with a `local[…]`
            master of Spark that is the engine's as well.
        master: Address of Flink's REST endpoint, or Spark's master.
        job_endpoint: `HOST:PORT` of a Beam job server that runs already; none is started then.
            One of Spark's takes one node at a time (`--jobs 1`).
        jar: Path of the job server; empty looks for the release that fits the installed Beam.
        workers: Where Python runs. `loopback`: in the node's own process, for an engine on this
            machine; `external`: in worker pools that wait beside the engine's workers; `process`:
            by a command on the engine's workers; `docker`: in containers that they start.
        worker_pool: `HOST:PORT` of the pools, as the engine's workers see them.
        worker_command: Program that starts a worker, on the engine's machines.
        worker_processes: Python processes for each of the engine's workers; 0 lets it choose.
        image: Of `docker` and Dataflow: the image that holds this workspace, by digest.
        project: Dataflow's project.
        region: Dataflow's region.
        temp_location: `gs://` folder of temporary files.
        staging_location: `gs://` folder of what is staged; below `temp_location` where empty.
        machine_type: Dataflow's machine type; Dataflow's own choice where empty.
        max_workers: How many machines Dataflow may use at most; 0 for Dataflow's own bound.
        service_account: E-mail of the account that workers act as.
        subnetwork: Where workers are, `regions/…/subnetworks/…`.
        args: Further Beam flags, after all others.
    """

    name: str
    engine: Engine
    processes: Count = 0
    parallelism: Count = 0
    memory: str = "1g"
    master: str = ""
    job_endpoint: str = ""
    jar: str = ""
    workers: Workers = "loopback"
    worker_pool: str = ""
    worker_command: str = ""
    worker_processes: Count = 1
    image: str = ""
    project: str = ""
    region: str = ""
    temp_location: str = ""
    staging_location: str = ""
    machine_type: str = ""
    max_workers: Count = 0
    service_account: str = ""
    subnetwork: str = ""
    args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        if not _NAME.fullmatch(self.name):
            raise ConfigValueError(
                "name",
                "expected up to 63 small letters, digits, - and _, beginning with a letter, "
                f"received {self.name!r}",
            )
        self._check_fields_of_engine()
        check_flags("args", self.args)
        if self.engine in ("flink", "spark"):
            self._check_cluster()

    def _check_fields_of_engine(self) -> None:
        of_all = {"name", "engine", "args"}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            known = field.name in of_all or field.name in _FIELDS[self.engine]
            if not known and value != field.default:
                raise ConfigValueError(
                    field.name,
                    f"means nothing to the engine {self.engine}, received {value!r}",
                    remedy=f"Of {self.engine} are: {', '.join(_FIELDS[self.engine])}.",
                )

    def _check_cluster(self) -> None:
        if not _HEAP.fullmatch(self.memory):
            raise ConfigValueError(
                "memory", f"expected a size such as '512m' or '2g', received {self.memory!r}"
            )
        for key in ("job_endpoint", "worker_pool"):
            value = getattr(self, key)
            if value and not _ADDRESS.fullmatch(value):
                raise ConfigValueError(key, f"expected HOST:PORT, received {value!r}")
        if not (self.master or self.job_endpoint):
            raise ConfigValueError(
                "master", "expected the engine's address, or a job_endpoint that knows it"
            )
        self._check_workers()

    def _check_workers(self) -> None:
        if self.workers in _NEEDED_BY_WORKERS:
            key, what = _NEEDED_BY_WORKERS[self.workers]
            if not getattr(self, key):
                raise ConfigValueError(key, f"expected {what}, as workers are {self.workers!r}")
        if self.workers == "loopback" and self.master and not _HERE.fullmatch(self.master):
            raise ConfigValueError(
                "workers",
                f"'loopback' works only with an engine on this machine, received {self.master!r} "
                "as its master",
                remedy="Use external, process or docker, with what each asks for.",
            )


def check_flags(key: str, flags: Sequence[str]) -> None:
    """Raises ConfigValueError where one of the flags is not written as one, `--NAME=VALUE`."""
    for position, flag in enumerate(flags):
        if not re.match(r"--[A-Za-z]", flag):
            raise ConfigValueError(
                f"{key}[{position}]",
                f"expected a flag of Beam such as '--direct_num_workers=2', received {flag!r}",
            )


# Those that need no configuration file. A configuration's own profile of the same name replaces it.
BUILT_IN: tuple[BeamProfile, ...] = (
    BeamProfile(name="direct", engine="direct"),
    BeamProfile(name="flink", engine="flink", master="localhost:8081"),
    BeamProfile(name="spark", engine="spark", master="local[*]"),
    BeamProfile(name="dataflow", engine="dataflow"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamConfig:
    """Where the Beam pipelines inside the components run.

    Attributes:
        profile: Name of the profile that is used.
        profiles: Profiles beside `direct`, `flink`, `spark` and `dataflow`, or in their place.
    """

    profile: str = "direct"
    profiles: tuple[BeamProfile, ...] = ()

    def __post_init__(self) -> None:
        typed_values.check_fields(self)
        names = [profile.name for profile in self.profiles]
        for name in names:
            if names.count(name) > 1:
                raise ConfigValueError("profiles", f"two of them have the name {name!r}")
        known = self.by_name()
        if self.profile not in known:
            raise ConfigValueError(
                "profile",
                f"expected one of {', '.join(known)}, received {self.profile!r}",
                remedy=typed_values.did_you_mean(self.profile, known)
                or "Add it as one of [[beam.profiles]] to a file that --config names.",
            )

    def by_name(self) -> dict[str, BeamProfile]:
        """Returns all profiles by name."""
        return {profile.name: profile for profile in (*BUILT_IN, *self.profiles)}

    @property
    def chosen(self) -> BeamProfile:
        """The profile that is used."""
        return self.by_name()[self.profile]


def changed(config: BeamConfig, text: str) -> BeamConfig:
    """Returns a configuration with what `--beam` says.

    Args:
        config: As files and `--set` made it.
        text: `NAME`, or `NAME,FIELD=VALUE,…` to use that profile with other values; a value is
            written as in TOML, and a string needs no quotes.

    Raises:
        UsageError: There is no such profile or field, or a value does not fit.
    """
    name, *settings = [part.strip() for part in text.split(",")]
    try:
        chosen = dataclasses.replace(config, profile=name)
        if not settings:
            return chosen
        values = dict(_setting(setting, chosen.chosen) for setting in settings)
        profile = dataclasses.replace(chosen.chosen, **values)
    except ConfigValueError as refusal:
        raise refusal.within("", f"--beam {text}") from refusal
    others = (other for other in config.profiles if other.name != name)
    return dataclasses.replace(chosen, profiles=(*others, profile))


def _setting(text: str, profile: BeamProfile) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    hints = typed_values.field_types(BeamProfile)
    known = [name for name in hints if name in _FIELDS[profile.engine]]
    if not equals or key not in known:
        raise UsageError(
            f"--beam: expected FIELD=VALUE with a field of {profile.engine}, received {text!r}",
            remedy=typed_values.did_you_mean(key, known) or f"Fields: {', '.join(known)}.",
        )
    hint = hints[key]
    parsed: Any = value
    if not typed_values.accepts_text(hint):
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
    return key, typed_values.coerce(parsed, hint, key)
