"""Which flags a profile comes down to, and what is said of the choice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import RingwayError
from pipelines.runners.beam.choosing import (
    LARGE_BYTES,
    BeamChoice,
    Machine,
    Sizes,
    in_words,
    make_args,
)
from pipelines.runners.beam.profiles import BeamConfig, BeamProfile, changed

ROOMY = Machine(
    cores=4,
    free_memory_gib=16.0,
    job_servers={"flink": Path("/jars/flink.jar"), "spark": Path("/jars/spark.jar")},
    fetch_commands={"flink": "mvn flink", "spark": "mvn spark"},
    server_flags={"flink": (), "spark": ("--add-opens=java.base/java.nio=ALL-UNNAMED",)},
)
SMALL, LARGE = Sizes(data_bytes=2_100_000), Sizes(data_bytes=LARGE_BYTES)
ONE = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]


def choice(text: str, sizes: Sizes = SMALL, machine: Machine = ROOMY) -> BeamChoice:
    return make_args(changed(BeamConfig(), text).chosen, sizes, machine)


def processes(made: BeamChoice) -> int:
    """Returns how many processes the flags ask for."""
    asked = [flag for flag in made.args if flag.startswith("--direct_num_workers=")]
    if not asked:
        assert "--direct_running_mode=multi_processing" not in made.args
        return 1
    assert "--direct_running_mode=multi_processing" in made.args
    return int(asked[0].partition("=")[2])


@pytest.mark.parametrize(
    ("sizes", "machine", "wanted", "because"),
    [
        (SMALL, {}, 1, "one process, 2.1 MB of data is below "),
        (Sizes(data_bytes=LARGE_BYTES - 1), {}, 1, "one process, "),
        (LARGE, {}, 4, "4 processes, "),
        (LARGE, {"cores": 1}, 1, "one process, as there is one core"),
        (LARGE, {"free_memory_gib": 6.5}, 3, "; memory has no room for all 4 cores"),
        (LARGE, {"free_memory_gib": 3.9}, 1, "one process, as 3.9 GiB of memory are free"),
        (Sizes(), {}, 1, "one process, as the size of the data is not known"),
    ],
)
def test_the_size_decides_between_one_process_and_all_cores(
    sizes: Sizes, machine: dict[str, Any], wanted: int, because: str
) -> None:
    made = choice("direct", sizes, dataclasses.replace(ROOMY, **machine))
    assert processes(made) == wanted
    assert because in made.because
    assert list(made.args[:1]) == ONE


def test_a_number_that_is_asked_for_is_taken() -> None:
    made = choice("direct,processes=2", SMALL, dataclasses.replace(ROOMY, cores=1))
    assert processes(made) == 2
    assert made.because == "2 processes, as profile direct says"
    assert processes(choice("direct,processes=1", LARGE)) == 1


def test_a_choice_once_made_holds_when_memory_is_gone() -> None:
    made = choice("direct", LARGE)
    again = make_args(made.profile, LARGE, dataclasses.replace(ROOMY, free_memory_gib=0.5))
    assert again.args == made.args


def test_flink_gets_a_job_server_with_its_heap() -> None:
    made = choice("flink,parallelism=3,memory=2g")
    assert made.args == (
        "--runner=FlinkRunner",
        "--flink_master=localhost:8081",
        "--flink_job_server_jar=/jars/flink.jar",
        "--job_server_jvm_properties=-Xmx2g",
        "--parallelism=3",
        "--environment_type=LOOPBACK",
        "--sdk_container_image=unused",
    )
    assert made.because == "flink at localhost:8081, workers loopback (profile flink)"


def test_spark_is_told_what_its_java_needs() -> None:
    made = choice("spark,jar=/own.jar")
    assert made.args[:4] == (
        "--runner=SparkRunner",
        "--spark_master_url=local[*]",
        "--spark_job_server_jar=/own.jar",
        "--job_server_jvm_properties=-Xmx1g",
    )
    assert "--job_server_jvm_properties=--add-opens=java.base/java.nio=ALL-UNNAMED" in made.args


def test_a_job_server_that_runs_already_is_used() -> None:
    made = choice("flink,job_endpoint=localhost:8099", machine=dataclasses.replace(ROOMY))
    assert "--job_endpoint=localhost:8099" in made.args
    assert not [flag for flag in made.args if "jar" in flag or "jvm" in flag]


@pytest.mark.parametrize(
    ("workers", "wanted"),
    [
        (
            {"workers": "external", "worker_pool": "localhost:50000", "worker_processes": 0},
            [
                "--environment_type=EXTERNAL",
                "--environment_config=localhost:50000",
                "--sdk_worker_parallelism=0",
                "--sdk_container_image=unused",
            ],
        ),
        (
            {"workers": "process", "worker_command": "/opt/apache/beam/boot"},
            [
                "--environment_type=PROCESS",
                '--environment_config={"command": "/opt/apache/beam/boot"}',
                "--sdk_container_image=unused",
            ],
        ),
        (
            {"workers": "docker", "image": "here/ringway@sha256:0"},
            [
                "--environment_type=DOCKER",
                "--environment_config=here/ringway@sha256:0",
                "--sdk_container_image=here/ringway@sha256:0",
            ],
        ),
    ],
)
def test_workers_run_where_the_profile_says(workers: dict[str, Any], wanted: list[str]) -> None:
    profile = BeamProfile(name="far", engine="flink", master="far:8081", **workers)
    assert list(make_args(profile, SMALL, ROOMY).args[-len(wanted) :]) == wanted


@pytest.mark.parametrize("engine", ["flink", "spark"])
def test_a_job_server_that_is_missing_is_told_with_the_command(engine: str) -> None:
    with pytest.raises(RingwayError) as refusal:
        choice(engine, machine=dataclasses.replace(ROOMY, job_servers={}))
    assert f"job server for {engine} is not on this machine" in str(refusal.value)
    assert f"mvn {engine}" in refusal.value.remedy


def test_further_flags_come_last() -> None:
    profile = BeamProfile(name="a", engine="direct", args=("--max_cache_memory_usage_mb=9",))
    assert make_args(profile, SMALL, ROOMY).args[-1] == "--max_cache_memory_usage_mb=9"


@pytest.mark.parametrize(
    ("size", "words"),
    [(940, "0.9 kB"), (99_999, "100.0 kB"), (2_100_000, "2.1 MB"), (5_000_000_000, "5.0 GB")],
)
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
