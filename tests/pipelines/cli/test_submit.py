"""`ringway submit` from options to an exit code, against a server on loopback."""

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubeflow_server import KubeflowServer

from pipelines.cli import submit
from pipelines.errors import RingwayError
from pipelines.submission import watching
from pipelines.workspace import REPOSITORY

IMAGE = "images.example/ringway@sha256:" + "0123456789abcdef" * 4
SUPPORT = "PYTHONPATH=/opt/ringway/tests/support"
TOY = "kubeflow_toys:pipeline"
TASKS = ["begin", "source", "double", "finish"]


@dataclasses.dataclass
class Done:
    code: int
    out: str
    err: str


class Command:
    def __init__(self, capfd: pytest.CaptureFixture[str], volume: Path) -> None:
        self._capfd = capfd
        self.volume = volume

    def __call__(self, *args: str, pipeline: str = TOY) -> Done:
        self._capfd.readouterr()
        sound = ["--image", IMAGE, "--volume", f"ringway:{self.volume}"]
        sound += ["--workspace", str(self.volume), "--env", SUPPORT]
        try:
            submit.command.main([pipeline, *sound, *args], standalone_mode=False)
        except SystemExit as end:
            code = int(end.code or 0)
        except RingwayError as error:
            print(f"{error} {error.remedy}", file=sys.stderr)
            code = error.exit_code
        out, err = self._capfd.readouterr()
        return Done(code, out, err)


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with KubeflowServer() as server:
        yield server


@pytest.fixture
def ringway(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path / "here"))
    for name in ("RINGWAY_METADATA_URL", "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # The command lets SIGTERM be heard as Ctrl-C while it waits.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    impatient = functools.partial(watching.watch, sleep=lambda _: time.sleep(0.02))
    monkeypatch.setattr(watching, "watch", impatient)
    return Command(capfd, tmp_path / "volume")


def test_a_dry_run_shows_the_plan_writes_the_yaml_and_asks_nobody(
    ringway: Command, tmp_path: Path
) -> None:
    output = tmp_path / "made" / "toy.yaml"
    done = ringway(
        *("--dry-run", "--output", str(output), "--param", "number=4"),
        *("--memory", "Double=8G", "--gpu", "Double=1", "--schedule", "0 3 * * *"),
        *("--env", "BUCKET_TOKEN=hush", "--no-cache"),
    )
    assert done.code == 0, done.out + done.err
    for words in (
        "double  after source  [memory 8G, 1 of nvidia.com/gpu]",
        "finish  after double",
        "number = 4",
        "'0 0 3 * * *' (seconds first",
        f"image           {IMAGE}",
        f"volume          ringway:{ringway.volume}",
        "BUCKET_TOKEN=***",
        "cache           off",
    ):
        assert words in done.out
    assert "hush" not in done.out
    spec, _ = yaml.safe_load_all(output.read_text())
    assert list(spec["root"]["dag"]["tasks"]) == sorted(TASKS)


def test_a_dry_run_as_json_can_be_read(ringway: Command) -> None:
    done = ringway("--dry-run", "--format", "json", "--image", "toy")
    told = json.loads(done.out)
    assert done.code == 2
    assert [node["task"] for node in told["plan"]["nodes"]] == TASKS
    assert told["plan"]["parameters"] == {"number": 21}
    assert [text.partition(":")[0] for text in told["to_mend"]] == ["image"]


def test_all_there_is_to_mend_is_told_and_nothing_is_uploaded(
    ringway: Command, kubeflow: KubeflowServer
) -> None:
    done = ringway(
        *("--host", kubeflow.url, "--image", "toy", "--root", "/elsewhere"),
        *("--param", "nummer=4", "--memory", "Trible=1G", "--schedule", "0 3 * * 7"),
        *("--metadata-secret", "store:url", "--experiment", "e" * 129),
    )
    assert done.code == 2
    for check in ("image:", "root:", "parameters:", "resources:", "schedule:", "experiment:"):
        assert f"- {check}" in done.err
    assert "Did you mean 'number'?" in done.err
    assert {method for method, _ in kubeflow.requests} == {"GET"}


def test_a_server_that_is_down_is_told_beside_the_rest(ringway: Command) -> None:
    done = ringway("--host", "http://127.0.0.1:9", "--image", "toy")
    assert done.code == 2
    assert "- server: http://127.0.0.1:9" in done.err
    assert "- image:" in done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "No --host"),
        (["--dry-run", "--wait"], "--dry-run cannot go together with --wait"),
        (["--dry-run", "--set", "epochs=1"], "takes no settings"),
        (["--dry-run", "--gpu", "Trainer"], "--gpu Trainer"),
    ],
)
def test_wrong_usage(ringway: Command, args: list[str], words: str) -> None:
    done = ringway(*args)
    assert (done.code, words in done.err + done.out) == (2, True)


@pytest.mark.parametrize("name", ["nothing:pipeline", "kubeflow_toys:nothing", "taxi-2"])
def test_a_pipeline_that_is_not_there(ringway: Command, name: str) -> None:
    done = ringway("--dry-run", pipeline=name)
    assert done.code == 2
    assert name in done.err


def life(kubeflow: KubeflowServer, state: str, error: str = "") -> None:
    """Lets a run go through its tasks, a step at each look, and end."""

    def look(run_id: str, count: int) -> None:
        task, step = divmod(count - 1, 2)
        if task < len(TASKS):
            last = "SUCCEEDED" if task < len(TASKS) - 1 or state == "SUCCEEDED" else "FAILED"
            kubeflow.set_task(run_id, TASKS[task], last if step else "RUNNING")
        else:
            kubeflow.end(run_id, state, error)

    kubeflow.on_look = look


def test_a_run_is_started_watched_and_its_end_is_ours(
    ringway: Command, kubeflow: KubeflowServer
) -> None:
    life(kubeflow, "SUCCEEDED")
    done = ringway(
        *("--host", kubeflow.url, "--wait", "--param", "number=4", "--run-name", "nightly"),
        *("--experiment", "toys", "--service-account", "trainer"),
    )
    assert done.code == 0, done.err
    run_id = kubeflow.only_run()
    assert f"{kubeflow.url}/#/runs/details/{run_id}" in done.out
    told = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    assert told == [f"{kubeflow.url}/#/runs/details/{run_id}", *(
        f"{task}:" for task in TASKS for _ in range(2)
    )]  # fmt: skip
    run = kubeflow.runs[run_id]
    assert run["display_name"].startswith("nightly-")
    assert run["runtime_config"]["parameters"] == {"number": 4}
    assert run["service_account"] == "trainer"


def test_a_failure_is_exit_code_one_and_names_the_task(
    ringway: Command, kubeflow: KubeflowServer
) -> None:
    life(kubeflow, "FAILED", "out of quota")
    done = ringway("--host", kubeflow.url, "--wait", "--format", "json")
    assert done.code == 1
    told = json.loads(done.out)
    assert (told["state"], told["reason"]) == ("FAILED", "out of quota")
    assert told["tasks"]["finish"] == "FAILED"


def test_the_same_content_is_one_version_of_two_runs(
    ringway: Command, kubeflow: KubeflowServer
) -> None:
    for words in ("uploaded", "is there already"):
        assert words in ringway("--host", kubeflow.url).out
    assert (len(kubeflow.versions), len(kubeflow.runs)) == (1, 2)
    names = {run["display_name"] for run in kubeflow.runs.values()}
    assert len(names) == 2


def test_an_answer_that_is_lost_makes_no_second_run(
    ringway: Command, kubeflow: KubeflowServer
) -> None:
    kubeflow.fail("POST", "/runs", "lost")
    assert ringway("--host", kubeflow.url).code == 0
    assert len(kubeflow.runs) == 1


def test_a_schedule_is_put_changed_and_ended(ringway: Command, kubeflow: KubeflowServer) -> None:
    host = ("--host", kubeflow.url)
    first = ringway(*host, "--schedule", "0 3 * * *")
    assert first.code == 0, first.err
    again = ringway(*host, "--schedule", "0 3 * * *")
    assert "as it was" in again.out
    ringway(*host, "--schedule", "30 4 * * 1", "--param", "number=4")
    [one] = kubeflow.recurring.values()
    assert one["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * 1"
    assert one["runtime_config"]["parameters"] == {"number": 4}
    assert kubeflow.firing() == [one["recurring_run_id"]]
    assert ringway(*host, "--unschedule", "--schedule-name", "toy").code == 0
    assert kubeflow.recurring == {}
    assert ringway(*host, "--unschedule", "--schedule-name", "toy").code == 2


def test_a_namespace_and_a_token_of_a_file(ringway: Command, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("mine")
    with KubeflowServer(multi_user=True, tokens={"mine": ["team"]}) as kubeflow:
        asked = ("--host", kubeflow.url, "--token-file", str(token))
        assert "--namespace" in ringway(*asked).err
        assert "403" in ringway(*asked, "--namespace", "others").err
        done = ringway(*asked, "--namespace", "team")
        assert done.code == 0, done.err
        [pipeline] = kubeflow.pipelines.values()
        assert pipeline["namespace"] == "team"


class Cluster:
    """Runs each run of a fake server by the task's own command lines."""

    def __init__(self, volume: Path, root: Path) -> None:
        self.volume = volume
        self.root = root
        self.server = KubeflowServer(on_run=self.run)
        self.report = ""

    def run(self, run_id: str) -> None:
        import kubeflow_harness
        from kubeflow_cluster import Cluster as Harness

        run = self.server.runs[run_id]
        content = self.server.manifests[run["pipeline_version_reference"]["pipeline_version_id"]]
        cluster = Harness(
            root=self.root,
            claims={"ringway": self.volume},
            mounts={"/opt/ringway": REPOSITORY},
            watch=lambda task, *_: self.server.set_task(run_id, task, "RUNNING"),
        )
        values = run.get("runtime_config", {}).get("parameters", {})
        try:
            result = kubeflow_harness.Harness(content, cluster).run(values, run_id=run_id)
        except Exception:
            self.server.end(run_id, "FAILED", "the harness failed")
            raise
        self.report = result.report()
        for name, task in result.tasks.items():
            if task.state != "Omitted":
                self.server.set_task(run_id, name, task.state.upper())
        self.server.end(run_id, result.state.upper())


@pytest.fixture
def cluster(ringway: Command, tmp_path: Path) -> Iterator[Cluster]:
    ringway.volume.mkdir()
    cluster = Cluster(ringway.volume, tmp_path / "cluster")
    with cluster.server:
        yield cluster


def test_what_is_submitted_really_runs_and_its_verdict_comes_back(
    ringway: Command, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{ringway.volume / 'metadata.sqlite'}"
    monkeypatch.setenv("RINGWAY_METADATA_URL", url)
    asked = ("--host", cluster.server.url, "--wait", "--root", str(ringway.volume / "runs"))
    done = ringway(*asked, "--param", "number=4")
    assert done.code == 0, done.err + cluster.report
    [value] = (ringway.volume / "runs" / "toy" / "Double").glob("*/*/value")
    assert value.read_text() == "8"

    stopped = ringway(*asked, pipeline="kubeflow_toys:objecting")
    assert stopped.code == 3, stopped.err + cluster.report
    assert "ANOMALIES" in stopped.out
    assert "fare" in stopped.out


@pytest.mark.parametrize("cancel", [False, True])
def test_ctrl_c_leaves_the_run_alone_unless_it_is_told_otherwise(
    tmp_path: Path, kubeflow: KubeflowServer, cancel: bool
) -> None:
    asked = [TOY, "--host", kubeflow.url, "--image", IMAGE, "--volume", "ringway:/ringway-home"]
    asked += ["--wait", *(["--cancel-on-interrupt"] if cancel else [])]
    environment = {
        **os.environ,
        "RINGWAY_HOME": str(tmp_path),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests' / 'support'}",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli.main", "submit", *asked],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _until(lambda: kubeflow.looks > 0 or process.poll() is not None)
        process.send_signal(signal.SIGTERM if cancel else signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, out
    run_id = kubeflow.only_run()
    assert kubeflow.runs[run_id]["state"] == ("CANCELED" if cancel else "PENDING")
    assert ("told to end" if cancel else "the run goes on") in out


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def vertex(*args: str) -> list[str]:
    asked = ["--target", "vertex", "--image", IMAGE, "--root", "gs://bucket/runs"]
    return [*asked, "--project", "ringway-tests", "--region", "europe-west4", *args]


def test_a_job_for_vertex_is_written_and_its_command_shown(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path / "here"))
    output = tmp_path / "job.json"
    code = _vertex(capfd, TOY, *vertex("--dry-run", "--output", str(output)))
    assert code == (0, "")
    job: dict[str, Any] = json.loads(output.read_text())
    assert set(job) >= {"pipelineSpec", "runtimeConfig"}


def test_what_vertex_has_no_place_for_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGWAY_HOME", str(tmp_path / "here"))
    code, error = _vertex(capfd, TOY, *vertex("--dry-run", "--gpu", "Double=1"))
    assert code == 2
    assert "--gpus" in error or "--gpu" in error


def _vertex(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    try:
        submit.command.main(list(args), standalone_mode=False)
    except SystemExit as end:
        assert "aiplatform.PipelineJob(" in capfd.readouterr().out
        return int(end.code or 0), ""
    except RingwayError as error:
        return error.exit_code, str(error)
    raise AssertionError("a command ends")
