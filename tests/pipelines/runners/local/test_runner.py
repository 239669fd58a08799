"""The runner on small pipelines: real workers, real ML Metadata, no TensorFlow model."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import toy_runs
from ml_metadata.proto import metadata_store_pb2
from toy_runs import TOYS, chain, hanging, pipeline_of, run

from pipelines.errors import BusyError, UsageError
from pipelines.lineage import keys
from pipelines.lineage.store import open_store
from pipelines.runners.local import runner, unchanged
from pipelines.runners.local.failures import Failure
from pipelines.runners.local.report import RunReport, Silent
from pipelines.runners.local.runner import RunOptions
from pipelines.workspace import REPOSITORY, Workspace

EXECUTION = metadata_store_pb2.Execution


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path, metadata_url=f"sqlite:///{tmp_path / 'metadata.sqlite'}")


def states(report: RunReport) -> dict[str, str]:
    return {node.id: str(node.state) for node in report.nodes}


def failure_of(report: RunReport) -> Failure:
    [failure] = [node.failure for node in report.nodes if node.failure]
    return failure


def value_of(workspace: Workspace, node_id: str) -> str:
    files = sorted(
        (workspace.pipeline_root("toy") / node_id).glob("*/*/value"),
        key=lambda path: int(path.parent.name),
    )
    return files[-1].read_text()


def last_states(workspace: Workspace, report: RunReport) -> dict[str, int]:
    store = open_store(workspace.metadata_url)
    found = unchanged.executions_of(store, report.run_id) or {}
    return {node_id: execution.last_known_state for node_id, execution in found.items()}


def test_runs_nodes_in_order_and_records_them(workspace: Workspace) -> None:
    report = run(workspace, chain())
    assert states(report) == {"Source": "ran", "Double": "ran"}
    assert value_of(workspace, "Double") == "42"
    assert report.outcome.exit_code == 0
    assert last_states(workspace, report) == {
        "Source": EXECUTION.COMPLETE,
        "Double": EXECUTION.COMPLETE,
    }
    assert (
        "source wrote 21" in (workspace.log_root("toy", report.run_id) / "Source.log").read_text()
    )


def test_takes_from_the_cache_what_has_not_changed(workspace: Workspace) -> None:
    run(workspace, chain())
    assert states(run(workspace, chain())) == {"Source": "cached", "Double": "cached"}
    assert states(run(workspace, chain(5))) == {"Source": "ran", "Double": "ran"}
    assert value_of(workspace, "Double") == "10"


def test_force_ignores_the_cache(workspace: Workspace) -> None:
    run(workspace, chain())
    assert states(run(workspace, chain(), force=True)) == {"Source": "ran", "Double": "ran"}


def test_runs_independent_nodes_at_the_same_time(workspace: Workspace, tmp_path: Path) -> None:
    def make(toys):
        source = toys.Source(number=1)
        pair = [("a", "b"), ("b", "a")]
        return [
            source,
            *(
                toys.Meet(
                    data=source.outputs["data"], folder=str(tmp_path), me=me, other=other
                ).with_id(me)
                for me, other in pair
            ),
        ]

    assert states(run(workspace, make, jobs=2)) == {"Source": "ran", "a": "ran", "b": "ran"}


def failing(how: str) -> Callable:
    def make(toys):
        source = toys.Source(number=1)
        fail = toys.Fail(data=source.outputs["data"], how=how)
        return [source, fail, toys.Double(data=fail.outputs["nothing"])]

    return make


def test_a_crash_ends_as_failed_with_its_cause_and_nothing_half_written(
    workspace: Workspace,
) -> None:
    report = run(workspace, failing("raise"))
    assert states(report) == {"Source": "ran", "Fail": "failed", "Double": "waiting"}
    assert (report.outcome.state, report.outcome.exit_code) == ("FAILED", 1)
    assert failure_of(report).error == "ValueError"
    assert "column 'fare' is missing in trips.csv" in failure_of(report).message
    assert "caused by KeyError" in failure_of(report).message
    log = workspace.log_root("toy", report.run_id) / "Fail.log"
    assert "column 'fare' is missing in trips.csv" in log.read_text()
    assert not list((workspace.pipeline_root("toy") / "Fail").glob("**/half"))
    assert last_states(workspace, report)["Fail"] == EXECUTION.FAILED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_is_named_and_earlier_results_stay(small_disk: Path) -> None:
    workspace = Workspace(
        root=small_disk, metadata_url=f"sqlite:///{small_disk / 'metadata.sqlite'}"
    )
    run(workspace, chain())

    def filling(toys):
        [source, double] = chain()(toys)
        return [source, double, toys.Fill(data=double.outputs["doubled"])]

    report = run(workspace, filling)
    assert states(report) == {"Source": "cached", "Double": "cached", "Fill": "failed"}
    assert "No space left on device" in failure_of(report).message
    assert "disk space" in failure_of(report).remedy
    assert value_of(workspace, "Double") == "42"
    assert states(run(workspace, chain())) == {"Source": "cached", "Double": "cached"}


def test_a_killed_worker_is_named_with_its_signal(workspace: Workspace) -> None:
    report = run(workspace, failing("kill"))
    assert "killed by signal 9" in failure_of(report).message
    assert "memory" in failure_of(report).remedy


def objecting(feature: str, severity: str = "ERROR") -> Callable:
    def make(toys):
        source = toys.Source(number=1)
        gate = toys.Object(data=source.outputs["data"], feature=feature, severity=severity)
        double = toys.Double(data=source.outputs["data"])
        double.add_upstream_node(gate)
        return [source, gate, double]

    return make


@pytest.mark.parametrize(
    ("severity", "fail_on", "exit_code", "double"),
    [
        ("ERROR", "error", 3, "waiting"),
        ("WARNING", "error", 0, "ran"),
        ("WARNING", "warning", 3, "waiting"),
        ("ERROR", "never", 0, "ran"),
    ],
)
def test_anomalies_of_the_chosen_severity_stop_the_run(
    workspace: Workspace, severity: str, fail_on: str, exit_code: int, double: str
) -> None:
    report = run(workspace, objecting("fare", severity), fail_on=fail_on)
    assert report.outcome.exit_code == exit_code
    assert states(report)["Double"] == double
    if exit_code:
        [objection] = report.outcome.objections
        assert objection.subject == "fare"
        assert "BYTES" in objection.reason
        assert objection.remedy


def test_anomalies_stop_a_run_whose_gate_is_cached(workspace: Workspace) -> None:
    run(workspace, objecting("fare"))
    report = run(workspace, objecting("fare"))
    assert states(report) == {"Source": "cached", "Object": "cached", "Double": "waiting"}
    assert report.outcome.exit_code == 3


def test_a_gate_explains_a_crash_beside_it(workspace: Workspace) -> None:
    def make(toys):
        source = toys.Source(number=1)
        fail = toys.Fail(data=source.outputs["data"], how="raise")
        first = toys.Double(data=source.outputs["data"])
        gate = toys.Object(data=first.outputs["doubled"], feature="fare", severity="ERROR")
        return [source, fail, first, gate]

    report = run(workspace, make, jobs=1)
    assert states(report)["Fail"] == "failed"
    assert report.outcome.state == "ANOMALIES"


def test_runs_a_part_on_the_results_of_an_earlier_run(workspace: Workspace) -> None:
    run(workspace, chain())
    report = run(workspace, chain(), from_nodes=("Double",), force=True)
    assert states(report) == {"Source": "skipped", "Double": "ran"}
    report = run(workspace, chain(), to_nodes=("Source",))
    assert states(report) == {"Source": "cached", "Double": "skipped"}


def test_a_part_without_an_earlier_run_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="earlier run"):
        run(workspace, chain(), from_nodes=("Double",))


def test_an_unknown_node_is_refused_with_the_closest(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="no node 'Dubble'") as caught:
        run(workspace, chain(), to_nodes=("Dubble",))
    assert "Double" in caught.value.remedy


def identity(config: str = "{}") -> Callable[[], unchanged.Identity]:
    return lambda: unchanged.Identity(config=config, code={}, files={})


def test_an_unchanged_rerun_is_recorded_without_making_the_pipeline(workspace: Workspace) -> None:
    first = run(workspace, chain(), identity=identity())

    def never(toys):
        raise AssertionError("the pipeline was made")

    again = run(workspace, never, identity=identity())
    assert states(again) == {"Source": "cached", "Double": "cached"}
    assert last_states(workspace, again) == {
        "Source": EXECUTION.CACHED,
        "Double": EXECUTION.CACHED,
    }
    store = open_store(workspace.metadata_url)
    runs = [store.get_context_by_type_and_name("pipeline_run", r.run_id) for r in (first, again)]
    outputs = [{a.id for a in store.get_artifacts_by_context(context.id)} for context in runs]
    assert outputs[0] == outputs[1]
    assert runs[1].custom_properties[keys.RUN_STATE].string_value == "SUCCEEDED"


@pytest.mark.parametrize("change", ["config", "artifact gone", "force"])
def test_a_rerun_with_any_change_makes_the_pipeline(workspace: Workspace, change: str) -> None:
    run(workspace, chain(), identity=identity())
    made = []

    def make(toys):
        made.append(True)
        return chain()(toys)

    options = {"force": True} if change == "force" else {}
    if change == "artifact gone":
        for file in (workspace.pipeline_root("toy") / "Double").glob("*/*/value"):
            file.unlink()
            file.parent.rmdir()
    report = run(
        workspace, make, identity=identity("{1}" if change == "config" else "{}"), **options
    )
    assert made
    assert states(report)["Double"] == ("cached" if change == "config" else "ran")


def test_two_runs_at_once_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    def make(toys):
        source = toys.Source(number=1)
        meet = toys.Meet(data=source.outputs["data"], folder=str(tmp_path), me="a", other="b")
        return [source, meet]

    done: list[RunReport] = []
    thread = threading.Thread(target=lambda: done.append(run(workspace, make)))
    thread.start()
    while not (tmp_path / "a").exists():
        thread.join(0.05)
        assert thread.is_alive()
    with pytest.raises(BusyError, match="already being run by process"):
        run(workspace, make)
    (tmp_path / "b").touch()
    thread.join()
    assert states(done[0]) == {"Source": "ran", "Meet": "ran"}


class Noting(Silent):
    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def note(self, text: str) -> None:
        self._notes.append(text)


def start_hanging(tmp_path: Path) -> subprocess.Popen:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, toy_runs.__file__, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests' / 'support'}"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    flag = tmp_path / "flag"
    while not (flag.exists() and flag.read_text()):
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError((tmp_path / "out").read_text())
    return process


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    subprocess.run(["tail", f"--pid={pid}", "-s0.05", "-f", "/dev/null"], timeout=30, check=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker_and_the_next_one_goes_on(
    workspace: Workspace, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_hanging(tmp_path)
    worker = int((tmp_path / "flag").read_text())
    process.send_signal(number)
    code = process.wait(60)
    wait_until_gone(worker)
    assert not is_running(worker)
    store = open_store(workspace.metadata_url)
    hangs = store.get_executions_by_type(f"{TOYS}.Hang")
    if number == signal.SIGINT:
        assert code == 130
        assert [e.last_known_state for e in hangs] == [EXECUTION.CANCELED]
    else:
        assert code == -signal.SIGKILL
        assert [e.last_known_state for e in hangs] == [EXECUTION.RUNNING]

    notes: list[str] = []
    report = runner.run(
        "toy",
        pipeline_of(workspace, hanging(tmp_path / "flag")),
        workspace,
        options=RunOptions(preload=(TOYS,)),
        progress=Noting(notes),
    )
    assert states(report) == {"Source": "cached", "Hang": "ran"}
    ended = {e.id: e.last_known_state for e in store.get_executions_by_type(f"{TOYS}.Hang")}
    assert EXECUTION.RUNNING not in ended.values()
    halves = list((workspace.pipeline_root("toy") / "Hang").glob("nothing/*/half"))
    assert [int(half.parent.name) for half in halves] == [max(ended)]
    run_states = {
        run.custom_properties[keys.RUN_STATE].string_value
        for run in store.get_contexts_by_type("pipeline_run")
    }
    expected = "CANCELLED" if number == signal.SIGINT else "FAILED"
    assert run_states == {expected, "SUCCEEDED"}
    assert any("had been killed" in note for note in notes) == (number == signal.SIGKILL)


def test_records_why_it_ran_and_with_what(workspace: Workspace) -> None:
    report = run(workspace, chain(), trigger="new data", config={"epochs": 3})
    store = open_store(workspace.metadata_url)
    context = store.get_context_by_type_and_name("pipeline_run", report.run_id)
    properties = context.custom_properties
    assert properties[keys.RUN_TRIGGER].string_value == "new data"
    assert json.loads(properties[keys.RUN_CONFIG].string_value) == {"epochs": 3}
    assert properties[keys.RUN_FINISHED].double_value >= properties[keys.RUN_STARTED].double_value
    executions = unchanged.executions_of(store, report.run_id) or {}
    code = json.loads(executions["Source"].custom_properties[keys.CODE].string_value)
    assert TOYS in code
