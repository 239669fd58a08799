"""Tasks as their containers run them, on small pipelines and real ML Metadata."""

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubeflow_commands
import pytest
from kubeflow_commands import Run
from ml_metadata.proto import metadata_store_pb2

from pipelines.lineage import keys
from pipelines.lineage.store import connection_config, open_store
from pipelines.runners.kubeflow.compiler import compile_pipeline, for_config
from pipelines.runners.kubeflow.settings import Parameter, Settings, Target
from pipelines.runners.local import recovery, unchanged
from pipelines.taxi.config import CONFIG as TAXI
from pipelines.workspace import REPOSITORY, Workspace

EXECUTION = metadata_store_pb2.Execution
IMAGE = "registry.example/ringway@sha256:" + "1" * 64


@pytest.fixture
def world(tmp_path: Path) -> "World":
    return World(tmp_path)


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    # TFX hands on the command line; pytest's is not for executors.
    monkeypatch.setattr(sys, "argv", ["task"])


class World:
    """A cluster's volume, its metadata store, and pipelines of toy components."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = root / "volume"
        self.workspace.mkdir()
        self.url = f"sqlite:///{self.workspace / 'metadata.sqlite'}"

    def run(
        self,
        make: Callable[[Any], list],
        *,
        chosen: tuple[Parameter, ...] = (),
        values: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Run:
        import toy_components as toys
        from tfx.orchestration.pipeline import Pipeline

        pipeline = Pipeline(
            pipeline_name="toy",
            pipeline_root=str(self.root / "elsewhere"),
            components=make(toys),
            enable_cache=True,
            metadata_connection_config=connection_config(self.url),
        )
        asked = Settings(
            image=IMAGE,
            pipeline_root=str(self.root / "artifacts"),
            workspace=str(self.workspace),
            image_paths=(str(self.root),),
            **settings,
        )
        compiled = compile_pipeline(pipeline, asked, parameters=chosen)
        environment = kubeflow_commands.environment(self.workspace)
        return Run(compiled, self.root / "kfp", environment, values or {})

    @property
    def store(self) -> Any:
        return open_store(self.url)

    def properties(self, run: Run) -> dict[str, Any]:
        context = self.store.get_context_by_type_and_name(keys.RUN_CONTEXT, run.name)
        return {
            key: getattr(value, value.WhichOneof("value"))
            for key, value in context.custom_properties.items()
        }

    def state(self, run: Run) -> str:
        return str(self.properties(run)[keys.RUN_STATE])

    def nodes(self, run: Run) -> dict[str, str]:
        return dict(json.loads(self.properties(run)[keys.RUN_NODES]))

    def executions(self, run: Run) -> list:
        context = self.store.get_context_by_type_and_name(keys.RUN_CONTEXT, run.name)
        return sorted(self.store.get_executions_by_context(context.id), key=lambda e: e.id)

    def value(self, node_id: str) -> int:
        files = (self.root / "artifacts" / "toy" / node_id).glob("*/*/value")
        return int(max(files, key=lambda path: int(path.parent.name)).read_text())


def chain(toys: Any) -> list:
    source = toys.Source(number=21)
    return [source, toys.Double(data=source.outputs["data"])]


def failing(how: str) -> Callable:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        return [source, toys.Fail(data=source.outputs["data"], how=how)]

    return make


def objecting(feature: str) -> Callable:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        anomalies = toys.Object(data=source.outputs["data"], feature=feature, severity="ERROR")
        double = toys.Double(data=source.outputs["data"])
        double.add_upstream_node(anomalies)
        return [source, anomalies, double]

    return make


def test_a_run_is_recorded_as_the_local_runner_records_it(world: World) -> None:
    run = world.run(chain).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "double": 0, "finish": 0}
    assert world.value("Double") == 42
    recorded = world.properties(run)
    assert recorded[keys.RUN_STATE] == "SUCCEEDED"
    assert recorded[keys.RUN_PIPELINE] == "toy"
    assert recorded[keys.RUN_ENGINE] == "kubeflow"
    assert recorded[keys.RUN_ROOT] == str(world.root / "artifacts" / "toy")
    assert recorded[keys.RUN_FINISHED] >= recorded[keys.RUN_STARTED]
    assert world.nodes(run) == {"Source": "ran", "Double": "ran"}
    source, double = world.executions(run)
    assert source.last_known_state == double.last_known_state == EXECUTION.COMPLETE
    assert "toy_components" in source.custom_properties[keys.CODE].string_value


def test_what_has_not_changed_comes_from_the_cache(world: World) -> None:
    world.run(chain).all()
    again = world.run(chain).all()
    assert world.nodes(again) == {"Source": "cached", "Double": "cached"}
    forced = world.run(chain, cache=False).all()
    assert world.nodes(forced) == {"Source": "ran", "Double": "ran"}
    assert [e.custom_properties[keys.FORCED].int_value for e in world.executions(forced)] == [1, 1]


def test_the_local_runner_s_results_are_reused_and_reuse_ours(world: World) -> None:
    import toy_runs

    workspace = Workspace(root=world.workspace, metadata_url=world.url)
    world.run(chain).all()
    report = toy_runs.run(workspace, chain)
    assert [str(node.state) for node in report.nodes] == ["cached", "cached"]


def test_the_summary_tells_state_and_places(world: World) -> None:
    run = world.run(chain).all()
    text = run.summary("double").read_text()
    assert text.startswith("# Double: ran")
    assert str(world.root / "artifacts" / "toy" / "Double" / "doubled") in text
    assert "| Source | ran |" in run.summary("finish").read_text()
    listing = json.loads((run.summary("double").parent / "executor_output.json").read_text())
    assert list(listing["artifacts"]) == ["summary"]


def test_a_failure_is_recorded_with_its_reason_by_the_task_itself(world: World) -> None:
    run = world.run(failing("raise")).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "fail": 1}
    assert world.state(run) == "FAILED"
    reason = world.properties(run)[keys.RUN_REASON]
    assert reason == "Fail: ValueError: column 'fare' is missing in trips.csv"
    assert world.nodes(run) == {"Source": "ran", "Fail": "failed"}
    assert not list((world.root / "artifacts" / "toy" / "Fail").glob("*/*/half"))


def test_a_task_tried_again_goes_on_with_its_execution(world: World) -> None:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        flag = str(world.root / "flag" / "there")
        return [source, toys.Hang(data=source.outputs["data"], flag=flag)]

    run = world.run(make)
    run.here("begin")
    run.here("source")
    assert run.here("hang") == 1  # its flag's folder is missing
    assert world.state(run) == "FAILED"
    (world.root / "flag").mkdir()
    (world.root / "flag" / "there").touch()
    assert run.here("hang") == 0
    assert world.state(run) == "RUNNING"
    assert run.here("finish") == 0
    assert world.state(run) == "SUCCEEDED"
    assert world.properties(run)[keys.RUN_REASON] == ""
    assert len(world.executions(run)) == 2
    assert run.here("hang") == 0  # done already: nothing is done again
    assert len(world.executions(run)) == 2


def test_anomalies_stop_the_run(world: World) -> None:
    run = world.run(objecting("fare")).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "object": 3}
    assert world.state(run) == "ANOMALIES"
    assert world.properties(run)[keys.RUN_REASON].startswith("fare: ")
    assert "**fare**" in run.summary("object").read_text()


def test_anomalies_stay_the_reason_when_something_else_fails(world: World) -> None:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        data = source.outputs["data"]
        anomalies = toys.Object(data=data, feature="fare", severity="ERROR")
        return [source, anomalies, toys.Fail(data=data, how="raise")]

    run = world.run(make).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "object": 3, "fail": 1}
    assert world.state(run) == "ANOMALIES"
    assert world.nodes(run) == {"Source": "ran", "Object": "ran", "Fail": "failed"}


def test_anomalies_can_be_allowed(world: World) -> None:
    run = world.run(objecting("fare"), fail_on="never").all()
    assert run.exit_codes["finish"] == 0


@pytest.mark.parametrize(("verdict", "exit_code", "state"), [(0, 4, "REJECTED"), (1, 0, "BLESSED")])
def test_the_model_s_gate_decides_how_the_run_ends(
    world: World, verdict: int, exit_code: int, state: str
) -> None:
    def make(toys: Any) -> list:
        import kubeflow_gates

        source = toys.Source(number=1)
        judge = kubeflow_gates.Judge(data=source.outputs["data"], verdict=verdict)
        double = toys.Double(data=source.outputs["data"])
        double.add_upstream_node(judge)
        return [source, judge, double]

    run = world.run(make).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "judge": 0, "double": 0, "finish": exit_code}
    assert world.state(run) == state


def test_an_exit_handler_keeps_the_reason_and_tells_what_was_not_reached(world: World) -> None:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        fail = toys.Fail(data=source.outputs["data"], how="raise")
        return [source, fail, toys.Double(data=fail.outputs["nothing"])]

    run = world.run(make, exit_handler=True)
    for name in ("begin", "source", "fail", "finish"):
        run.here(name)
    assert run.exit_codes == {"begin": 0, "source": 0, "fail": 1, "finish": 1}
    assert world.state(run) == "FAILED"
    assert world.properties(run)[keys.RUN_REASON].startswith("Fail: ValueError")
    assert world.nodes(run) == {"Source": "ran", "Fail": "failed", "Double": "waiting"}


def test_an_exit_handler_tells_of_a_task_that_left_no_word(world: World) -> None:
    run = world.run(chain, exit_handler=True)
    run.here("begin")
    run.here("source")
    [source] = world.executions(run)
    source.last_known_state = EXECUTION.RUNNING
    world.store.put_executions([source])
    assert run.here("finish") == 1
    reason = world.properties(run)[keys.RUN_REASON]
    assert reason == "Source: its task ended without saying why"
    assert world.executions(run)[0].last_known_state == EXECUTION.FAILED


def test_a_parameter_changes_what_it_is_aimed_at(world: World) -> None:
    number = Parameter(
        name="number",
        type="int",
        default=21,
        targets=(Target(node="Source", property="number"),),
    )
    run = world.run(chain, chosen=(number,), values={"number": 4.0}).all()
    assert run.exit_codes["finish"] == 0
    assert world.value("Double") == 8
    run = world.run(chain, chosen=(number,), values={"number": "four"}).all()
    assert run.exit_codes == {"begin": 0, "source": 1}
    assert "expected int, received 'four'" in world.properties(run)[keys.RUN_REASON]


def test_a_runtime_parameter_is_one_of_the_specification(world: World) -> None:
    from tfx.orchestration.data_types import RuntimeParameter

    def make(toys: Any) -> list:
        chosen = RuntimeParameter(name="how-many", ptype=int, default=3)
        source = toys.Source(number=chosen)
        return [source, toys.Double(data=source.outputs["data"])]

    run = world.run(make)
    defined = run.compiled.spec["root"]["inputDefinitions"]["parameters"]["how-many"]
    assert defined["parameterType"] == "NUMBER_INTEGER"
    assert defined["defaultValue"] == 3
    assert run.all().exit_codes["finish"] == 0
    assert world.value("Double") == 6
    assert world.run(make, values={"how-many": 5}).all().exit_codes["finish"] == 0
    assert world.value("Double") == 10


def test_a_condition_that_does_not_hold_leaves_its_nodes_out(world: World) -> None:
    from tfx.dsl.experimental.conditionals import conditional

    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        with conditional.Cond(source.outputs["data"].future()[0].uri == "elsewhere"):
            double = toys.Double(data=source.outputs["data"])
        return [source, double]

    run = world.run(make).all()
    assert run.exit_codes == {"begin": 0, "source": 0, "double": 0, "finish": 0}
    assert world.nodes(run) == {"Source": "ran", "Double": "skipped"}


def test_a_run_that_was_never_opened_has_no_verdict(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run(chain).here("finish") == 1
    assert "its first task did not open it" in capsys.readouterr().err


def test_the_local_runner_leaves_a_cluster_s_runs_alone(world: World) -> None:
    run = world.run(chain)
    run.here("begin")
    run.here("source")
    [source] = world.executions(run)
    source.last_known_state = EXECUTION.RUNNING
    world.store.put_executions([source])
    assert recovery.recover(world.store, "toy") == []
    assert world.state(run) == "RUNNING"
    found = unchanged.executions_of(world.store, run.name)
    assert found is not None
    assert found["Source"].last_known_state == EXECUTION.RUNNING


def taxi(world: World, **changes: Any) -> Run:
    settings = Settings(
        image=IMAGE, workspace=str(world.workspace), image_folder=str(REPOSITORY), trigger="cron"
    )
    workspace = Workspace(root=world.workspace, metadata_url=world.url)
    config = dataclasses.replace(TAXI, **changes)
    compiled = for_config("pipelines.taxi.pipeline", config, workspace, settings)
    environment = kubeflow_commands.environment(world.workspace)
    return Run(compiled, world.root / "kfp", environment, {"epochs": 3.0})


def test_begin_records_the_configuration_that_was_chosen(world: World) -> None:
    run = taxi(world)
    assert run.here("begin") == 0
    recorded = world.properties(run)
    config = json.loads(recorded[keys.RUN_CONFIG])
    assert config["epochs"] == 3
    assert config["batch_size"] == TAXI.batch_size
    assert Path(config["data_root"]).is_dir()
    assert recorded[keys.RUN_TRIGGER] == "cron"
    assert recorded[keys.RUN_STATE] == "RUNNING"


def test_begin_finds_what_would_fail_later(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run = taxi(world, data_root=str(world.workspace / "nothing"))
    assert run.here("begin") == 1
    assert str(world.workspace / "nothing") in capsys.readouterr().err
    assert world.state(run) == "FAILED"
    assert world.properties(run)[keys.RUN_REASON].startswith("begin: DataError: ")
    assert world.nodes(run) == {}


def hanging(world: World) -> Run:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        return [source, toys.Hang(data=source.outputs["data"], flag=str(world.root / "flag"))]

    run = world.run(make)
    run.here("begin")
    run.here("source")
    return run


def started(world: World, run: Run, name: str) -> Any:
    with run.log(name).open("wb") as log:
        process = run.start(name, log)
    deadline = time.monotonic() + 240
    flag = world.root / "flag"
    while not (flag.exists() and flag.read_text()):
        assert process.poll() is None, run.text(name)
        assert time.monotonic() < deadline, run.text(name)
        time.sleep(0.1)
    return process


def test_a_killed_task_is_put_in_order_by_its_next_attempt(world: World) -> None:
    run = hanging(world)
    process = started(world, run, "hang")
    process.kill()  # as the kernel kills a container: nothing is left that could say so
    process.wait()
    assert world.executions(run)[-1].last_known_state == EXECUTION.RUNNING
    assert list((world.root / "artifacts" / "toy" / "Hang").glob("*/*/half"))
    assert run.here("hang") == 0
    assert run.here("finish") == 0
    assert world.state(run) == "SUCCEEDED"
    assert [e.last_known_state for e in world.executions(run)] == [EXECUTION.COMPLETE] * 2


def test_work_that_is_killed_is_recorded_by_what_is_left(world: World) -> None:
    run = world.run(failing("kill"))
    run.here("begin")
    run.here("source")
    assert run.task("fail") == 1
    assert "killed by signal 9" in world.properties(run)[keys.RUN_REASON]
    assert world.nodes(run)["Fail"] == "failed"
    assert world.executions(run)[-1].last_known_state == EXECUTION.FAILED
    assert not list((world.root / "artifacts" / "toy" / "Fail").glob("*/*/half"))


def test_a_task_that_is_ended_from_outside_cancels_the_run(world: World) -> None:
    run = hanging(world)
    process = started(world, run, "hang")
    worker = int((world.root / "flag").read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 130
    assert world.state(run) == "CANCELLED"
    assert world.executions(run)[-1].last_known_state == EXECUTION.CANCELED
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
