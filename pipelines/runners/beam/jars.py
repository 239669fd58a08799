"""Where the job server of an engine lies, and how to get it where it does not.

A job server is Beam's own Java program that hands jobs to Flink or Spark. Which release fits the
installed Beam is told by `pipelines.stack`; a nearby release put together from its parts does as
well. `setup/beam_jars.py` fetches them; nothing is fetched here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipelines import stack

ENGINES = ("flink", "spark")
_MAVEN_FOLDER = ".m2/repository/org/apache/beam"
_COPY = "mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Returns the folder that job servers are kept in, whether it is there or not.

    Args:
        environment: Environment variables; `RINGWAY_CACHE` names the folder above it.
    """
    cache = environment.get("RINGWAY_CACHE") or Path(_home(environment), ".cache/ringway")
    return Path(cache) / "jars"


def find(engine: str, environment: Mapping[str, str]) -> Path | None:
    """Returns the job server of `flink` or `spark`, or None where it is not on this machine.

    Besides the cache folder Maven's own repository of this user is looked at.
    """
    _, artifact, version = stack.job_server(engine).split(":")
    name = f"{artifact}-{version}.jar"
    folder = cache_folder(environment)
    maven = Path(_home(environment), _MAVEN_FOLDER, artifact, version, name)
    parts = sorted(folder.glob(f"beam-runners-{engine}-*-parts-*/job-server.jar"))
    return next((place for place in (folder / name, maven, *parts) if place.is_file()), None)


def fetch_command(engine: str, environment: Mapping[str, str]) -> str:
    """Returns the command that puts a job server into the cache folder."""
    where = f"-DoutputDirectory={cache_folder(environment)}"
    return f"{_COPY} -Dartifact={stack.job_server(engine)} {where}"


def flink_release(job_server: Path) -> str:
    """Returns the release of Flink that a job server is made for, such as `1.19`, by its name.

    Empty where the name does not tell.
    """
    for name in (job_server.name, job_server.parent.name):
        found = re.match(r"beam-runners-flink-([0-9.]+)-", name)
        if found:
            return found[1]
    return ""


def _home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or "/"
