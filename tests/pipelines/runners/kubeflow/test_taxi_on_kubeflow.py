"""The taxi pipeline as a cluster runs it: compiled by the command line, each task a process.

What the YAML may hold is looked at by `test_rules`, what the harness does by `test_harness`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import kubeflow_harness as harness
import pytest
import yaml

from pipelines.runners.kubeflow import rules
from pipelines.workspace import REPOSITORY

HOME = "/ringway-home"
IMAGE = "images.example/ringway-pipeline@sha256:" + "ab" * 32
NODES = 13


def ringway(*arguments: str, home: Path | None = None) -> str:
    environment = dict(os.environ)
    if home is not None:
        environment["RINGWAY_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Cluster:
    """A volume with the workspace of a cluster, and what was compiled for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.home.mkdir()
        file = root / "taxi.yaml"
        self.plan = ringway(
            *("submit", "taxi", "--dry-run", "--output", str(file), "--image", IMAGE),
            *("--root", HOME, "--volume", f"home:{HOME}"),
            *("--env", f"RINGWAY_METADATA_URL=sqlite:///{HOME}/metadata.sqlite"),
        )
        self.text = file.read_text()

    def run(self) -> harness.RunResult:
        return harness.run(
            self.text,
            self.root / "kubeflow",
            parameters={"epochs": 2},
            claims={"home": self.home},
            mounts={harness.IMAGE_FOLDER: REPOSITORY},
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> harness.RunResult:
    return cluster.run()


def test_the_plan_is_shown_and_no_rule_is_broken(cluster: Cluster) -> None:
    assert f"pipeline taxi, {NODES + 2} tasks" in cluster.plan
    spec, platform = yaml.safe_load_all(cluster.text)
    assert rules.check(spec, platform) == ()


def test_every_task_runs_and_a_blessed_model_is_pushed(
    cluster: Cluster, first: harness.RunResult
) -> None:
    assert first.state == "Succeeded", first.report()
    assert {task.exit_code for task in first.tasks.values()} == {0}
    assert len(first.tasks) == NODES + 2
    runs = ringway("runs", "taxi", home=cluster.home)
    assert first.uuid in runs
    assert "BLESSED" in runs
    assert f"{NODES} ran" in runs


def test_the_pushed_model_answers(cluster: Cluster, first: harness.RunResult) -> None:
    import tensorflow as tf

    [version] = (cluster.home / "models" / "taxi").iterdir()
    model = tf.saved_model.load(str(version))
    example = tf.train.Example()
    for column, value in {"fare": 12.5, "trip_miles": 3.0}.items():
        example.features.feature[column].float_list.value.append(value)
    example.features.feature["payment_type"].bytes_list.value.append(b"Cash")
    for column, value in {
        "trip_start_hour": 19,
        "trip_start_day": 6,
        "trip_start_month": 5,
    }.items():
        example.features.feature[column].int64_list.value.append(value)
    serve = model.signatures["serving_default"]
    answer = serve(examples=tf.constant([example.SerializeToString()]))
    [tip] = next(iter(answer.values())).numpy().ravel()
    assert 0 < tip < 1


def test_lineage_leads_to_run_and_parameters(cluster: Cluster, first: harness.RunResult) -> None:
    story = ringway("lineage", "taxi", home=cluster.home)
    assert f"taxi-{first.uuid}" in story
    assert '"epochs": 2' in story
