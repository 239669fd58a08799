"""The flights pipeline on a real Flink cluster makes what it makes on Beam's own runner."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import beam_results
import pytest
from beam_flights import Flights, Made
from flink_cluster import FlinkCluster

_CONFIG = """
data_root = {data}

[beam]
profile = "cluster"

[[beam.profiles]]
name = "cluster"
engine = "flink"
master = {master}
job_endpoint = {endpoint}
parallelism = 2
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """A cluster on loopback."""
    cluster = FlinkCluster(tmp_path_factory.mktemp("flink"))
    yield cluster
    cluster.stop()


@dataclasses.dataclass(frozen=True)
class OnFlink:
    """A run on the cluster.

    Attributes:
        said: What the command printed.
        made: Its outputs.
        evaluation: Evaluator's metrics.
        jobs: Flink's list of jobs after it.
    """

    said: str
    made: Made
    evaluation: Path
    jobs: list[dict[str, Any]]


@pytest.fixture(scope="module")
def on_flink(
    cluster: FlinkCluster,
    flights: Flights,
    direct: Made,
    tmp_path_factory: pytest.TempPathFactory,
) -> OnFlink:
    """A whole run on the cluster, from the data to the pushed model."""
    del direct  # made before, in the same workspace
    # By force, since what is known already is not computed again on another engine.
    done = flights.run(profile(cluster), "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    evaluation = beam_results.newest(flights.node("Evaluator"), "evaluation")
    jobs = cluster.jobs()
    evidence = tmp_path_factory.mktemp("evidence") / "flink-jobs.json"
    evidence.write_text(json.dumps(jobs, indent=2))
    return OnFlink(done.stdout, flights.made(), evaluation, jobs)


def profile(cluster: FlinkCluster) -> str:
    """Returns what `--beam` says of a cluster."""
    return f"flink,master={cluster.address},job_endpoint={cluster.job_endpoint},parallelism=2"


def test_the_run_ends_with_a_pushed_model(on_flink: OnFlink) -> None:
    """The run tells where Beam worked, and its model met the bounds."""
    assert "Beam: flink at 127.0.0.1:" in on_flink.said
    assert "BLESSED" in on_flink.said


def test_flink_lists_a_finished_job_for_each_node_on_beam(on_flink: OnFlink) -> None:
    """StatisticsGen, Transform and Evaluator ran there: all their steps, and nowhere else."""
    assert len(on_flink.jobs) == 3
    for job in on_flink.jobs:
        assert job["name"].startswith("BeamApp-")
        assert job["state"] == "FINISHED"
        assert job["tasks"]["finished"] == job["tasks"]["total"] > 100


@pytest.mark.parametrize("split", beam_results.SPLITS)
def test_statistics_are_those_of_the_direct_runner(
    direct: Made, on_flink: OnFlink, split: str
) -> None:
    """Each number and each value in TFDV's statistics is the same."""
    expected = beam_results.statistics(direct.statistics, split)
    found = beam_results.statistics(on_flink.made.statistics, split)
    assert expected["num_examples"] > 1000
    beam_results.assert_same(found, expected, beam_results.ROUNDING)


def test_the_transform_graph_is_that_of_the_direct_runner(
    direct: Made, on_flink: OnFlink, flights: Flights
) -> None:
    """It has the same schema, makes the same of rows, and made the same examples."""
    beam_results.assert_graphs_agree(on_flink.made.graph, direct.graph, flights.examples)
    for split in beam_results.SPLITS:
        columns = beam_results.columns(direct.transformed / f"Split-{split}")
        assert all(len(values) > 1000 for values in columns.values())
        beam_results.assert_columns_agree(
            beam_results.columns(on_flink.made.transformed / f"Split-{split}"), columns
        )


def test_metrics_are_those_of_the_direct_runner(on_flink: OnFlink, flights: Flights) -> None:
    """The model that the run trained has the same metrics on every slice."""
    found = beam_results.metrics(on_flink.evaluation)
    done = flights.run("direct", "--force", "--only", "Evaluator")
    assert done.returncode == 0, done.stdout + done.stderr
    evaluation = beam_results.newest(flights.node("Evaluator"), "evaluation")
    assert evaluation != on_flink.evaluation
    expected = beam_results.metrics(evaluation)
    assert len(expected) > 50
    beam_results.assert_same(found, expected, 1e-6)


def test_skew_finds_the_same(
    cluster: FlinkCluster,
    flights: Flights,
    make_ringway: Callable[[], Any],
    tmp_path: Path,
) -> None:
    """`ringway skew` between two halves of the data, by a profile in a configuration file."""
    config = tmp_path / "flink.toml"
    data, master, endpoint = map(
        json.dumps, (str(flights.data), cluster.address, cluster.job_endpoint)
    )
    config.write_text(_CONFIG.format(data=data, master=master, endpoint=endpoint))
    before = len(cluster.jobs())
    asked = ("skew", "flights", "--spans", "7:8", "--against-spans", "5:6", "--format", "json")
    # Workspaces of their own, as what is known already is not computed again.
    done = make_ringway()(*asked, "--config", str(config))
    assert len(cluster.jobs()) > before, done.stdout + done.stderr
    compared = make_ringway()(*asked, "--set", f"data_root={flights.data}")
    expected = beam_results.findings(compared.stdout)
    assert expected["findings"]
    assert beam_results.findings(done.stdout) == expected
    assert done.returncode == compared.returncode


def test_a_run_that_loses_its_task_manager_fails_and_can_be_repeated(
    cluster: FlinkCluster, flights: Flights, on_flink: OnFlink
) -> None:
    """It says who is gone, leaves nothing half done, and the next one makes the same."""
    published = sorted(flights.node("StatisticsGen").glob("statistics/*"))
    again = ("--force", "--only", "StatisticsGen")
    known = {job["jid"] for job in cluster.jobs()}
    with subprocess.Popen(
        flights.command(profile(cluster), *again),
        env=flights.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        wait_for_a_running_step(cluster, known, running)
        cluster.task_manager.kill()
        said, _ = running.communicate(timeout=600)
    assert running.returncode == 1, said
    assert "StatisticsGen failed" in said
    assert "TaskManager with id 127.0.0.1:" in said
    assert "is no longer reachable" in said
    assert sorted(flights.node("StatisticsGen").glob("statistics/*")) == published
    cluster.replace_task_manager()
    done = flights.run(profile(cluster), *again)
    assert done.returncode == 0, done.stdout + done.stderr
    made = flights.made()
    assert made.statistics not in published
    beam_results.assert_same(
        beam_results.statistics(made.statistics, "train"),
        beam_results.statistics(on_flink.made.statistics, "train"),
        beam_results.ROUNDING,
    )


def wait_for_a_running_step(
    cluster: FlinkCluster, known: set[str], running: subprocess.Popen[str]
) -> None:
    """Waits until a step of a new job is under way."""
    while running.poll() is None:
        for job in cluster.jobs():
            if job["jid"] not in known and job["tasks"]["running"] > 0:
                return
        time.sleep(0.1)
    said, _ = running.communicate()
    pytest.fail(f"no job was seen\n{said}")
