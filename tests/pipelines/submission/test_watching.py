"""Each change is told once, and no dropped connection or expired token ends the watching."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kubeflow_server import KubeflowServer
from kubeflow_template import TINY

from pipelines.submission import starting, watching
from pipelines.submission.credentials import Access
from pipelines.submission.records import RunStatus, Source, TaskStatus
from pipelines.submission.server import Server
from pipelines.submission.server_errors import NoAccessError, NotThereError, UnreachableError
from pipelines.submission.watching import Patience, StillRunningError

NAMES = {"one": "One", "two": "Two"}


class Heard:
    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.notes: list[str] = []

    def task(self, task: TaskStatus) -> None:
        self.tasks.append(f"{task.name} {task.state}")

    def note(self, text: str) -> None:
        self.notes.append(text)


class Clock:
    """Time that passes while one sleeps."""

    def __init__(self) -> None:
        self.now_sec = 0.0
        self.pauses_sec: list[float] = []

    def now(self) -> float:
        return self.now_sec

    def sleep(self, pause_sec: float) -> None:
        self.pauses_sec.append(pause_sec)
        self.now_sec += pause_sec


def begun(server: Server, namespace: str = "") -> str:
    pipeline_id, version_id, _ = starting.ensure_version(server, "tiny", TINY, namespace, "")
    source = Source(pipeline_id=pipeline_id, version_id=version_id)
    experiment_id = starting.ensure_experiment(server, "watched", namespace)
    return starting.start_run(server, "tiny-1", source, experiment_id, "")


def life(kubeflow: KubeflowServer, *steps: Callable[[str], None]) -> None:
    """Lets a run take a step at each look."""

    def look(run_id: str, count: int) -> None:
        if count <= len(steps):
            steps[count - 1](run_id)

    kubeflow.on_look = look


def watched(
    server: Server,
    run_id: str,
    heard: Heard,
    clock: Clock | None = None,
    timeout_sec: float | None = None,
) -> RunStatus:
    clock = clock or Clock()
    return watching.watch(
        lambda: server.run(run_id),
        NAMES,
        heard,
        renews_token=server.access.renews,
        timeout_sec=timeout_sec,
        sleep=clock.sleep,
        now=clock.now,
    )


def test_each_change_is_told_once_and_the_servers_own_tasks_are_not(
    kubeflow: KubeflowServer, server: Server
) -> None:
    run_id = begun(server)
    life(
        kubeflow,
        lambda _: None,
        lambda run: kubeflow.set_task(run, "one", "RUNNING"),
        lambda _: None,
        lambda run: kubeflow.set_task(run, "one", "SUCCEEDED"),
        lambda run: kubeflow.set_task(run, "two", "FAILED", "main: Error (exit code 1)"),
        lambda run: kubeflow.end(run, "FAILED"),
    )
    heard = Heard()
    run = watched(server, run_id, heard)
    assert heard.tasks == ["one RUNNING", "one SUCCEEDED", "two FAILED"]
    assert heard.notes == []
    assert (run.state, run.ended) == ("FAILED", True)
    [failed] = watching.failed(run, NAMES)
    assert (failed.name, failed.error) == ("two", "main: Error (exit code 1)")
    assert run.tasks["one"].seconds is not None


def test_a_state_that_the_client_does_not_know_is_shown(
    kubeflow: KubeflowServer, server: Server
) -> None:
    run_id = begun(server)
    life(
        kubeflow,
        lambda run: kubeflow.set_task(run, "one", "CACHED"),
        lambda run: kubeflow.end(run, "SUCCEEDED"),
    )
    heard = Heard()
    assert watched(server, run_id, heard).state == "SUCCEEDED"
    assert heard.tasks == ["one CACHED"]


@pytest.mark.parametrize("how", ["drop", 500, 502, 429])
def test_lost_connections_are_outlived_and_told_once(
    kubeflow: KubeflowServer, server: Server, how: str | int
) -> None:
    run_id = begun(server)
    life(
        kubeflow,
        lambda run: kubeflow.set_task(run, "one", "RUNNING"),
        lambda _: kubeflow.fail("GET", "/runs/", how, times=5),
        lambda run: kubeflow.end(run, "SUCCEEDED"),
    )
    heard, clock = Heard(), Clock()
    assert watched(server, run_id, heard, clock).state == "SUCCEEDED"
    assert heard.tasks == ["one RUNNING"]
    assert len(heard.notes) == 2
    assert "The run goes on" in heard.notes[0]
    assert "answers again" in heard.notes[1]
    assert clock.pauses_sec == [2, 3, 2, 4, 8, 16, 30]


def test_a_server_that_is_gone_for_long_is_given_up(
    kubeflow: KubeflowServer, server: Server
) -> None:
    run_id = begun(server)
    kubeflow.fail("GET", "/runs/", "drop", times=10_000)
    clock = Clock()
    with pytest.raises(UnreachableError, match="without being watched"):
        watched(server, run_id, Heard(), clock)
    assert 900 < clock.now_sec < 1000


def test_a_run_that_is_deleted_is_an_error(kubeflow: KubeflowServer, server: Server) -> None:
    run_id = begun(server)
    life(kubeflow, lambda _: None, lambda _: None)
    del kubeflow.runs[run_id]
    with pytest.raises(NotThereError, match="not found"):
        watched(server, run_id, Heard())


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


def test_a_token_that_expires_is_read_anew(token_file: Path) -> None:
    tokens = {"first": ["team"], "second": ["team"]}
    with KubeflowServer(multi_user=True, tokens=tokens) as kubeflow:
        server = Server(Access(host=kubeflow.url, token_file=token_file), sleep=lambda _: None)
        run_id = begun(server, "team")

        def renew(run: str) -> None:
            del tokens["first"]
            token_file.write_text("second")

        life(kubeflow, renew, lambda run: kubeflow.end(run, "SUCCEEDED"))
        heard = Heard()
        assert watched(server, run_id, heard).state == "SUCCEEDED"
        assert heard.notes == []


def test_a_token_that_comes_late_is_waited_for(token_file: Path) -> None:
    tokens = {"first": ["team"]}
    with KubeflowServer(multi_user=True, tokens=tokens) as kubeflow:
        server = Server(Access(host=kubeflow.url, token_file=token_file), sleep=lambda _: None)
        run_id = begun(server, "team")
        life(
            kubeflow,
            lambda _: tokens.clear(),
            lambda run: kubeflow.end(run, "SUCCEEDED"),
        )
        heard, clock = Heard(), Clock()

        def sleep(pause_sec: float) -> None:
            clock.sleep(pause_sec)
            if len(clock.pauses_sec) == 4:
                tokens["second"] = ["team"]
                token_file.write_text("second")

        run = watching.watch(
            lambda: server.run(run_id), NAMES, heard, renews_token=True, sleep=sleep, now=clock.now
        )
        assert run.state == "SUCCEEDED"
        assert "401" in heard.notes[0]
        assert len(heard.notes) == 2


def test_a_token_that_cannot_change_ends_the_watching() -> None:
    tokens = {"first": ["team"]}
    with KubeflowServer(multi_user=True, tokens=tokens) as kubeflow:
        server = Server(Access(host=kubeflow.url, token="first"), sleep=lambda _: None)
        run_id = begun(server, "team")
        tokens.clear()
        with pytest.raises(NoAccessError, match="without being watched") as caught:
            watched(server, run_id, Heard())
        assert "--token-file" in caught.value.remedy


def test_time_to_wait_is_kept(kubeflow: KubeflowServer, server: Server) -> None:
    run_id = begun(server)
    clock = Clock()
    with pytest.raises(StillRunningError, match="has not ended in 20 s"):
        watched(server, run_id, Heard(), clock, timeout_sec=20)
    assert clock.now_sec == 20


def test_questions_come_seldom_while_nothing_changes() -> None:
    patience, pauses = Patience(), []
    for _ in range(10):
        patience = patience.after_answer(changed=False)
        pauses.append(patience.pause_sec)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15
    assert patience.after_answer(changed=True) == Patience()
