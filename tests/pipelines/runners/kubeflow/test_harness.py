"""Tests of the harness that runs a compiled pipeline as Kubeflow would, on the SDK's pipelines."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import kubeflow_harness as harness
import pytest
from kfp import compiler, dsl, kubernetes
from kubeflow_driver import RefusedError
from kubeflow_pod import namespace_command

WRITE = """
import json, os, pathlib, sys
number, text, out, page, told = sys.argv[1:]
print(number, text)
pathlib.Path(out).write_text(str(int(number) + 1))
pathlib.Path(page).write_text("# " + text)
pathlib.Path(os.environ["TMPDIR"], "told.json").write_text(told)
pathlib.Path(os.environ["TMPDIR"], "variables.json").write_text(json.dumps(dict(os.environ)))
"""


@dsl.container_component
def write(number: int, text: str, out: dsl.OutputPath(int), page: dsl.Output[dsl.Markdown]):  # type: ignore[valid-type]
    return dsl.ContainerSpec(
        image="i:1",
        command=["python", "-c", WRITE],
        args=[number, text, out, page.path, "{{$}}"],
    )


@dsl.container_component
def read(number: int, job: str, page: dsl.Input[dsl.Markdown]):
    return dsl.ContainerSpec(
        image="i:1", command=["sh", "-c", 'echo "$0 $1"; cat "$2"'], args=[number, job, page.path]
    )


@dsl.container_component
def shell(script: str):
    return dsl.ContainerSpec(image="i:1", command=["sh", "-c"], args=[script])


@dsl.container_component
def tell(status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image="i:1", command=["echo"], args=[status])


@dsl.container_component
def forgets(out: dsl.OutputPath(str)):  # type: ignore[valid-type]
    return dsl.ContainerSpec(image="i:1", command=["echo"], args=[out])


@dsl.pipeline(name="pair")
def pair(number: int = 3, text: str = "hi"):
    written = write(number=number, text=text)
    read(
        number=written.outputs["out"],
        job=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        page=written.outputs["page"],
    )


def compiled(pipeline, folder: Path) -> str:
    file = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(file))
    return file.read_text()


def of_scripts(*scripts: str, retries: int = 0):
    """Returns a pipeline of shells, one after the other."""

    @dsl.pipeline(name="scripts")
    def pipeline():
        before = None
        for script in scripts:
            task = shell(script=script)
            if retries:
                task.set_retry(retries)
            if before is not None:
                task.after(before)
            before = task

    return pipeline


def pod_of(result, task: str) -> Path:
    log = result.tasks[task].log
    assert log is not None
    return log.parent


def log(result: harness.RunResult, task: str) -> str:
    found = result.tasks[task].log
    assert found is not None
    return found.read_text()


def test_parameters_and_artifacts_reach_the_next_task(tmp_path):
    result = harness.run(compiled(pair, tmp_path), tmp_path / "root", parameters={"number": 41})

    assert result.state == "Succeeded", result.report()
    assert result.tasks["write"].outputs.parameters == {"out": 42}
    assert result.tasks["write"].artifact("page").read_text() == "# hi"
    assert log(result, "read") == f"42 {result.uuid}\n# hi"


def test_what_a_task_is_told_is_what_kubeflow_tells(tmp_path):
    result = harness.run(compiled(pair, tmp_path), tmp_path / "root")

    pod = pod_of(result, "write")
    told = json.loads((pod / "tmp" / "told.json").read_text())
    assert told["inputs"]["parameterValues"] == {"number": 3, "text": "hi"}
    artifacts = told["outputs"]["artifacts"]
    assert set(artifacts) == {"page", "executor-logs"}
    [page], [logs] = (artifacts[name]["artifacts"] for name in ("page", "executor-logs"))
    start = f"minio://mlpipeline/v2/artifacts/pair/{result.uuid}/write/"
    assert page["uri"].startswith(start)
    assert page["uri"].endswith("/page")
    assert page["type"]["schemaTitle"] == "system.Markdown"
    assert logs["uri"].endswith("/executor-logs-0")
    assert logs["type"] == {"schemaTitle": "system.Artifact"}
    assert told["outputs"]["parameters"] == {"out": {"outputFile": f"{pod}/tmp/kfp/outputs/out"}}
    assert told["outputs"]["outputFile"].endswith("/output_metadata.json")


def test_logs_are_kept_as_an_artifact(tmp_path):
    result = harness.run(compiled(pair, tmp_path), tmp_path / "root")

    [kept] = (tmp_path / "root" / "store").rglob("write/*/executor-logs-0")
    assert kept.read_text() == "3 hi\n" == log(result, "write")


def test_a_server_that_publishes_no_logs_tells_of_none(tmp_path):
    result = harness.run(compiled(pair, tmp_path), tmp_path / "root", publish_logs=False)

    told = json.loads((pod_of(result, "write") / "tmp" / "told.json").read_text())
    assert set(told["outputs"]["artifacts"]) == {"page"}


def test_a_container_knows_nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("ONLY_HERE", "1")

    result = harness.run(compiled(pair, tmp_path), tmp_path / "root", environment={"STORE": "x"})

    pod = pod_of(result, "write")
    variables = json.loads((pod / "tmp" / "variables.json").read_text())
    assert "ONLY_HERE" not in variables
    assert variables["STORE"] == "x"
    assert variables["KFP_POD_NAME"]
    assert variables["TMPDIR"].startswith(str(pod))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"numbr": 1}, "not required by pipeline: \\['numbr'\\]"),
        ({"number": "1"}, "number requires NUMBER_INTEGER"),
        ({"number": True}, "number requires NUMBER_INTEGER"),
        ({"text": 1}, "text requires STRING"),
    ],
)
def test_parameters_are_refused_as_by_the_server(parameters, message, tmp_path):
    with pytest.raises(RefusedError, match=message):
        harness.run(compiled(pair, tmp_path), tmp_path / "root", parameters=parameters)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schemaVersion: 2.1.0", "schemaVersion: 2.0.0"),
        ("executorLabel", "executorName"),
        ("image: i:1", "picture: i:1"),
    ],
)
def test_a_specification_is_refused_as_by_the_server(old, new, tmp_path):
    text = compiled(pair, tmp_path)
    assert old in text

    with pytest.raises(RefusedError):
        harness.run(text.replace(old, new), tmp_path / "root")


def test_a_placeholder_of_the_driver_stays_in_arguments(tmp_path):
    text = compiled(pair, tmp_path).replace("- '{{$}}'", "- '{{$.pipeline_job_uuid}}'")

    result = harness.run(text, tmp_path / "root")

    told = (pod_of(result, "write") / "tmp" / "told.json").read_text()
    assert told == "{{$.pipeline_job_uuid}}"


def test_kubernetes_expands_variables_in_arguments(tmp_path):
    text = compiled(pair, tmp_path).replace("- '{{$}}'", "- $(KFP_POD_NAME) $(UNKNOWN) $$5")

    result = harness.run(text, tmp_path / "root")

    told = (pod_of(result, "write") / "tmp" / "told.json").read_text()
    assert told == "pod-write-0 $(UNKNOWN) $5"


def test_after_a_failure_no_task_is_begun(tmp_path):
    result = harness.run(compiled(of_scripts("exit 3", "true"), tmp_path), tmp_path / "root")

    assert result.state == "Failed"
    assert [(t.state, t.exit_code) for t in result.tasks.values()] == [
        ("Failed", 3),
        ("Omitted", None),
    ]
    assert "exit 3" in result.report()


def test_a_task_is_tried_again_in_a_new_pod(tmp_path):
    script = f'echo "$KFP_RETRY_INDEX" >> {tmp_path}/tries; test ! -e "$TMPDIR/mark" || exit 9; '
    script += 'touch "$TMPDIR/mark"; test "$KFP_RETRY_INDEX" = 2'

    result = harness.run(compiled(of_scripts(script, retries=3), tmp_path), tmp_path / "root")

    assert result.state == "Succeeded", result.report()
    assert result.tasks["shell"].attempts == 3
    assert (tmp_path / "tries").read_text() == "0\n1\n2\n"
    kept = sorted(path.name for path in (tmp_path / "root" / "store").rglob("executor-logs-*"))
    assert kept == ["executor-logs-0", "executor-logs-1", "executor-logs-2"]


def test_a_task_that_is_killed_fails_with_all_its_processes(tmp_path):
    def kill(task: str, attempt: int, process: subprocess.Popen) -> None:
        threading.Timer(0.5, process.send_signal, [signal.SIGKILL]).start()

    script = f"sleep 600 & echo $! > {tmp_path}/child; wait"
    result = harness.run(compiled(of_scripts(script), tmp_path), tmp_path / "root", watch=kill)

    assert result.tasks["shell"].exit_code == 128 + signal.SIGKILL
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}").exists() or "State:\tZ" in status_of(child)


def status_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return "State:\tZ"


def test_a_task_that_takes_too_long_is_killed(tmp_path):
    result = harness.run(
        compiled(of_scripts("sleep 600"), tmp_path), tmp_path / "root", timeout_sec=0.3
    )

    assert result.tasks["shell"].exit_code == 128 + signal.SIGKILL


def test_a_parameter_that_was_not_written_fails_the_task(tmp_path):
    @dsl.pipeline(name="forgetful")
    def pipeline():
        forgets()

    result = harness.run(compiled(pipeline, tmp_path), tmp_path / "root")

    assert result.state == "Failed"
    assert "failed to read output parameter 'out'" in result.tasks["forgets"].reason


def test_an_argument_longer_than_linux_takes_fails_the_task(tmp_path):
    result = harness.run(compiled(of_scripts("#" + "x" * 131_072), tmp_path), tmp_path / "root")

    assert result.state == "Failed"
    assert "Argument list too long" in result.tasks["shell"].reason


def test_what_the_executor_output_says_comes_before_files(tmp_path):
    text = compiled(pair, tmp_path).replace(
        "print(number, text)",
        'output = json.loads(told)["outputs"]["outputFile"]; '
        'pathlib.Path(output).write_text(json.dumps({"parameterValues": {"out": 7}}))',
    )

    result = harness.run(text, tmp_path / "root")

    assert result.tasks["write"].outputs.parameters == {"out": 7}


def test_an_executor_output_of_another_form_fails_the_task(tmp_path):
    text = compiled(pair, tmp_path).replace(
        "print(number, text)",
        'output = json.loads(told)["outputs"]["outputFile"]; '
        'pathlib.Path(output).write_text(json.dumps({"colour": "red"}))',
    )

    result = harness.run(text, tmp_path / "root")

    assert result.state == "Failed"
    assert "failed to unmarshall ExecutorOutput" in result.tasks["write"].reason


@pytest.mark.parametrize(("script", "state"), [("exit 3", "FAILED"), ("true", "COMPLETE")])
def test_an_exit_task_runs_however_the_others_end(script, state, tmp_path):
    @dsl.pipeline(name="guarded")
    def pipeline():
        with dsl.ExitHandler(tell()):
            shell(script=script)

    result = harness.run(compiled(pipeline, tmp_path), tmp_path / "root")

    assert result.state == ("Failed" if script != "true" else "Succeeded")
    assert result.tasks["tell"].state == "Succeeded"
    assert json.loads(log(result, "tell"))["state"] == state


def test_tasks_that_wait_for_nobody_run_at_the_same_time(tmp_path):
    # Each waits for the other's file.
    wait = "touch {0}/{1}; until test -e {0}/{2}; do sleep 0.05; done"

    @dsl.pipeline(name="both")
    def pipeline():
        shell(script=wait.format(tmp_path, "a", "b"))
        shell(script=wait.format(tmp_path, "b", "a"))

    result = harness.run(compiled(pipeline, tmp_path), tmp_path / "root", timeout_sec=30)

    assert result.state == "Succeeded", result.report()


def test_secrets_become_variables_and_a_missing_one_fails_the_task(tmp_path):
    @dsl.pipeline(name="secretive")
    def pipeline():
        task = shell(script='test "$STORE_URL" = mysql://x')
        kubernetes.use_secret_as_env(task, "store", {"url": "STORE_URL"})

    text = compiled(pipeline, tmp_path)

    given = harness.run(text, tmp_path / "a", secrets={"store": {"url": "mysql://x"}})
    missing = harness.run(text, tmp_path / "b")

    assert given.state == "Succeeded", given.report()
    assert missing.state == "Failed"
    assert "secret 'store' not found" in missing.tasks["shell"].reason


@pytest.mark.skipif(namespace_command() is None, reason="no mount namespaces on this machine")
def test_a_volume_is_where_it_is_mounted_and_nowhere_else(tmp_path):
    place = Path(tempfile.gettempdir()) / f"claim-{os.getpid()}"

    @dsl.pipeline(name="with-volume")
    def pipeline():
        task = shell(script=f"cat {place}/in > {place}/out")
        kubernetes.mount_pvc(task, "home", str(place))

    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "in").write_text("kept")

    result = harness.run(compiled(pipeline, tmp_path), tmp_path / "root", claims={"home": claim})

    assert result.state == "Succeeded", result.report()
    assert (claim / "out").read_text() == "kept"
    assert not place.exists()


def test_the_command_line_runs_a_file(tmp_path):
    file = tmp_path / "pair.yaml"
    compiler.Compiler().compile(pair, str(file))
    command = [sys.executable, harness.__file__, str(file), "--root", str(tmp_path / "root")]

    ended = subprocess.run(
        [*command, "--parameter", "number=1"], check=False, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Succeeded write" in ended.stdout


def test_the_command_line_exits_as_the_run_ends(tmp_path, capsys):
    file = tmp_path / "pair.yaml"
    text = compiled(pair, tmp_path)
    file.write_text(text.replace("print(number, text)", "sys.exit(4)"))
    command = [str(file), "--root", str(tmp_path / "root")]

    assert harness.main([*command, "--parameter", "x=1"]) == 2
    assert "not required by pipeline" in capsys.readouterr().err
    assert harness.main(command) == 1
    assert "exit 4" in capsys.readouterr().out
