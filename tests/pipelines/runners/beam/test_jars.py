"""Where job servers are looked for, and how they are fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import stack
from pipelines.runners.beam import jars
from setup import beam_jars


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("engine", jars.ENGINES)
def test_a_whole_job_server_goes_before_its_parts(tmp_path: Path, engine: str) -> None:
    environment = {"HOME": str(tmp_path), "RINGWAY_CACHE": str(tmp_path / "cache")}
    assert jars.find(engine, environment) is None
    folder = jars.cache_folder(environment)
    parts = put(folder / f"beam-runners-{engine}-1-parts-2.62.0" / "job-server.jar")
    put(folder / f"beam-runners-{engine}-1-job-server-0.0.1.jar")
    assert jars.find(engine, environment) == parts
    _, artifact, version = stack.job_server(engine).split(":")
    name = f"{artifact}-{version}.jar"
    maven = tmp_path / ".m2/repository/org/apache/beam"
    of_maven = put(maven / artifact / version / name)
    assert jars.find(engine, environment) == of_maven
    whole = put(folder / name)
    assert jars.find(engine, environment) == whole


def test_without_a_setting_the_cache_is_the_users(tmp_path: Path) -> None:
    assert jars.cache_folder({"HOME": "/srv/me"}) == Path("/srv/me/.cache/ringway/jars")


@pytest.mark.parametrize("engine", jars.ENGINES)
def test_set_up_fetches_the_job_server_that_is_looked_for(engine: str) -> None:
    assert beam_jars.WHOLE[stack.name()][engine].artifacts == (stack.job_server(engine),)
    environment = {"RINGWAY_CACHE": "/cache"}
    assert jars.cache_folder(environment) == beam_jars.cache_folder(environment)
    command = jars.fetch_command(engine, environment)
    assert command == (
        f"mvn -q {beam_jars.PLUGIN}:copy -Dartifact={stack.job_server(engine)} "
        "-DoutputDirectory=/cache/jars"
    )


@pytest.mark.parametrize(
    ("path", "release"),
    [
        ("jars/beam-runners-flink-1.19-job-server-2.61.0.jar", "1.19"),
        ("jars/beam-runners-flink-1.19-parts-2.62.0/job-server.jar", "1.19"),
        ("jars/beam-runners-spark-3-job-server-2.61.0.jar", ""),
        ("own.jar", ""),
    ],
)
def test_the_release_of_flink_is_read_from_the_name(path: str, release: str) -> None:
    assert jars.flink_release(Path(path)) == release
