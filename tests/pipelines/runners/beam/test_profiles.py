"""Profiles: what is refused, and what `--beam` and a file change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines import config
from pipelines.errors import UsageError
from pipelines.runners.beam.profiles import BeamConfig, BeamProfile, changed
from pipelines.taxi.config import CONFIG
from pipelines.typed_values import ConfigValueError


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "A b", "engine": "direct"}, "name: expected up to 63 small letters"),
        ({"name": "a", "engine": "beam"}, "engine: expected one of direct, flink, spark, dataflow"),
        ({"name": "a", "engine": "direct", "master": "x:1"}, "master: means nothing to the engine"),
        ({"name": "a", "engine": "flink", "master": "x:1", "project": "p"}, "project: means noth"),
        ({"name": "a", "engine": "flink"}, "master: expected the engine's address"),
        ({"name": "a", "engine": "flink", "master": "far:8081"}, "workers: 'loopback' works only"),
        ({"name": "a", "engine": "spark", "master": "spark://far:7077"}, "workers: 'loopback'"),
        (
            {"name": "a", "engine": "flink", "master": "far:8081", "workers": "external"},
            "worker_pool: expected the address of a worker pool",
        ),
        (
            {"name": "a", "engine": "flink", "master": "far:8081", "workers": "process"},
            "worker_command: expected the path",
        ),
        (
            {"name": "a", "engine": "flink", "master": "far:8081", "workers": "docker"},
            "image: expected the image",
        ),
        (
            {"name": "a", "engine": "flink", "master": "localhost:1", "memory": "1 GB"},
            "memory: expected a size such as '512m'",
        ),
        (
            {"name": "a", "engine": "flink", "job_endpoint": "localhost"},
            "job_endpoint: expected HOST:PORT",
        ),
        ({"name": "a", "engine": "direct", "processes": -1}, "processes: expected an integer of"),
        ({"name": "a", "engine": "direct", "args": ["-x"]}, "args[0]: expected a flag of Beam"),
    ],
)
def test_a_profile_that_cannot_work_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigValueError) as refusal:
        BeamProfile(**fields)
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize(
    "master",
    ["localhost:8081", "127.0.0.1:8081", "http://localhost:8081", "[::1]:8081", "[local]"],
)
def test_workers_run_in_the_node_with_an_engine_on_this_machine(master: str) -> None:
    assert BeamProfile(name="a", engine="flink", master=master).workers == "loopback"


def test_a_file_adds_profiles_and_replaces_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "beam.toml"
    path.write_text("""
        [beam]
        profile = "cluster"
        [[beam.profiles]]
        name = "cluster"
        engine = "flink"
        master = "jobmanager:8081"
        parallelism = 8
        workers = "external"
        worker_pool = "localhost:50000"
        [[beam.profiles]]
        name = "direct"
        engine = "direct"
        processes = 3
    """)
    beam = config.load(CONFIG, path).beam
    assert (beam.chosen.master, beam.chosen.parallelism) == ("jobmanager:8081", 8)
    assert changed(beam, "direct").chosen.processes == 3
    assert changed(beam, "spark").chosen.master == "local[*]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[beam]\nprofile = "flinc"', "beam.profile: expected one of direct, flink"),
        ('[[beam.profiles]]\nname = "a"', "beam.profiles[0]: expected a table that also has engi"),
        (
            '[[beam.profiles]]\nname = "a"\nengine = "spark"\nmaster = "far"',
            "beam.profiles[0].workers: 'loopback'",
        ),
        (
            '[[beam.profiles]]\nname = "a"\nengine = "direct"\n' * 2,
            "beam.profiles: two of them have the name 'a'",
        ),
        ('beam_args = ["direct_num_workers=2"]', "beam_args[0]: expected a flag of Beam"),
    ],
)
def test_a_file_is_told_where_it_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "beam.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refusal:
        config.load(CONFIG, path)
    assert said in str(refusal.value)


def test_the_recorded_configuration_gives_the_same_profiles_again() -> None:
    asked = config.load(CONFIG, None, ["beam.profile=spark"])
    wanted = config.load(
        asked, None, ['beam.profiles=[{name="here", engine="direct", processes=2}]']
    )
    assert config.restore(CONFIG, config.to_dict(wanted)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("direct", {"engine": "direct", "processes": 0}),
        ("direct,processes=4", {"processes": 4}),
        (
            "flink,master=localhost:18081, parallelism=2",
            {"master": "localhost:18081", "parallelism": 2},
        ),
        (
            "flink,master=far:8081,workers=external,worker_pool=localhost:50000",
            {"workers": "external", "worker_pool": "localhost:50000"},
        ),
        ("spark,memory=2g", {"memory": "2g", "master": "local[*]"}),
    ],
)
def test_the_option_names_a_profile_and_changes_it(text: str, wanted: dict[str, Any]) -> None:
    chosen = changed(BeamConfig(), text).chosen
    assert {key: getattr(chosen, key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("flnk", "expected one of direct, flink, spark, dataflow", "Did you mean 'flink'?"),
        ("direct,process=2", "expected FIELD=VALUE with a field of direct", "'processes'"),
        ("direct,parallelism=2", "expected FIELD=VALUE with a field of direct", ""),
        ("direct,processes=two", "processes: expected an integer of at least 0", ""),
        ("flink,master=far:8081", "workers: 'loopback' works only with an engine on this", ""),
    ],
)
def test_the_option_is_told_where_it_is_wrong(text: str, said: str, remedy: str) -> None:
    with pytest.raises(UsageError) as refusal:
        changed(BeamConfig(), text)
    assert said in str(refusal.value)
    assert remedy in refusal.value.remedy
