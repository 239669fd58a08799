"""`ringway skew` on a running server: rows that training held out, then the same rows spoilt.

The three kinds of traffic fall into stretches of seconds of their own, so that each is checked
alone. What is expected follows from how they were made: the held-out rows come from the same trips
by a hash, so nothing differs; afterwards exactly one column does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import skew_traffic as traffic
from model_server import free_port

from components.skew_validator import Terms
from components.skew_validator.findings import from_json
from pipelines.lineage import graph
from pipelines.lineage.store import open_store
from pipelines.workspace import REPOSITORY

START_SEC = 120


@dataclasses.dataclass(frozen=True)
class Watched:
    """A served model, and when which traffic was sent to it.

    Attributes:
        ringway: The command on the model's workspace.
        process: The server.
        pushed: The version that serves.
        sent: By name of the traffic.
        rows: Of each traffic.
    """

    ringway: Any
    process: subprocess.Popen[str]
    pushed: str
    sent: dict[str, traffic.Sent]
    rows: int

    def skew(self, name: str, *options: str) -> tuple[int, dict[str, Any]]:
        """Checks one traffic; returns the exit code and what is said as JSON."""
        bounds = self.sent[name].options
        done = self.ringway("skew", "taxi", *bounds, "--format", "json", *options)
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yields a started server and where it listens."""
    grpc, rest = free_port(), free_port()
    command = [sys.executable, "-m", "pipelines.cli.main", "serve", "taxi"]
    with (
        (home / "serve.log").open("w") as log,
        subprocess.Popen(
            [*command, "--port", str(grpc), "--rest-port", str(rest)],
            cwd=REPOSITORY,
            env={**os.environ, "RINGWAY_HOME": str(home)},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{rest}/readyz", process, home / "serve.log")
            yield process, f"127.0.0.1:{grpc}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(url: str, process: subprocess.Popen[str], log: Path) -> None:
    end = time.monotonic() + START_SEC
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
            assert answer.status == 200
            return
        time.sleep(0.2)
    pytest.fail(f"ringway serve did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def watched(taxi) -> Iterator[Watched]:
    ringway, report = taxi
    [held_out] = (ringway.home / "pipelines" / "taxi").glob("*ExampleGen/examples/*/Split-eval")
    with serving(ringway.home) as (process, server):
        rows = traffic.rows_of(held_out, traffic.inputs_of(server, "taxi"))
        spoilt = {
            "held out": None,
            "in cents": traffic.in_cents,
            "without company": traffic.without("company"),
        }
        sent = {name: traffic.send(server, "taxi", rows, how) for name, how in spoilt.items()}
        yield Watched(ringway, process, Path(report["pushed_to"]).name, sent, len(rows))


def alarms(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["kind"], one["feature"]) for one in found["findings"] if one["status"] == "ALARM"}


@pytest.fixture(scope="module")
def fine(watched) -> tuple[int, dict[str, Any]]:
    """The first check. The server is still writing, so it waits for the server's file."""
    return watched.skew("held out", "--wait")


def test_rows_that_were_held_out_raise_no_alarm_while_the_server_runs(watched, fine):
    code, found = fine
    assert watched.process.poll() is None
    assert alarms(found) == set()
    assert (code, found["status"], found["cause"]) == (0, "OK", "")
    assert found["serving_rows"] == watched.rows == 4_966
    assert found["training_rows"] == 10_036
    assert found["model_versions"] == [watched.pushed]


def test_every_input_of_the_model_and_its_predictions_were_compared(fine):
    _, found = fine
    compared = {(one["kind"], one["feature"]) for one in found["findings"]}
    kinds = {feature: kind for kind, feature in compared if kind in {"distribution", "prediction"}}
    for column in ("fare", "trip_miles", "trip_seconds", "payment_type", "company"):
        assert kinds[column] == "distribution"
    assert "prediction" in kinds.values()
    assert not any(feature.startswith("ringway_request") for _, feature in compared)


def test_fares_in_cents_raise_an_alarm_that_names_fare(watched, fine, tmp_path):
    page = tmp_path / "skew.html"
    code, found = watched.skew("in cents", "--report", str(page))
    assert (code, found["status"]) == (3, "ALARM")
    assert "fare" in found["cause"]
    assert ("distribution", "fare") in alarms(found)
    assert {feature for kind, feature in alarms(found) if kind != "prediction"} == {"fare"}
    html = page.read_text(encoding="utf-8")
    assert "fare" in html
    assert "https://" not in html.replace("https://www.w3.org", "")


def test_rows_without_company_are_schema_skew_that_names_it(watched, fine):
    code, found = watched.skew("without company")
    assert (code, found["status"]) == (3, "ALARM")
    assert ("schema", "company") in alarms(found)
    assert {feature for kind, feature in alarms(found) if kind != "prediction"} == {"company"}


def test_the_text_names_the_alarm_and_where_the_report_lies(watched, fine):
    done = watched.ringway("skew", "taxi", *watched.sent["in cents"].options)
    assert done.returncode == 3, done.stdout + done.stderr
    [alarm] = [line for line in done.stdout.splitlines() if line.startswith("  fare: distribution")]
    assert any(distance in alarm for distance in Terms().numeric)
    assert "p = " in alarm or "p < " in alarm
    [page] = [
        line.removeprefix("report: ")
        for line in done.stdout.splitlines()
        if line.startswith("report: ")
    ]
    assert Path(page).is_file()


def commands_of_readme() -> list[str]:
    section = (REPOSITORY / "README.md").read_text("utf-8").split("## Watch it")[1]
    block = section.split("\n## ")[0].split("```")[1]
    return [line for line in block.splitlines() if line.startswith(".venv/bin/ringway skew")]


def test_readme_shows_a_check_of_the_last_hour(watched, fine, tmp_path):
    command, *_ = commands_of_readme()
    arguments = command.split()[1:]
    assert arguments == ["skew", "taxi", "--wait", "--report", "skew.html"]
    page = tmp_path / "skew.html"
    done = watched.ringway(*arguments[:-1], str(page))
    # All kinds of traffic fall into that hour, or, where one begins meanwhile, the last kind does.
    assert done.returncode == 3, done.stdout + done.stderr
    assert "\n  company: " in done.stdout
    assert f"\nreport: {page}\n" in done.stdout
    assert page.is_file()


def test_readme_shows_a_check_against_the_hour_before(watched, fine):
    _, command, *_ = commands_of_readme()
    assert command == ".venv/bin/ringway skew taxi --against previous --window 1h"
    done = watched.ringway(*command.split()[1:])
    assert done.returncode in {3, 5}, done.stdout + done.stderr
    if (
        done.returncode == 5
    ):  # unless an hour begins meanwhile, nothing was served in the one before
        assert done.stdout.splitlines()[-1].startswith("report: ")


def test_the_time_before_is_another_thing_to_compare_with(watched, fine):
    first, second = watched.sent["held out"], watched.sent["in cents"]
    length = second.since - first.since
    bounds = ["--from", str(second.since), "--to", str(second.since + length)]
    done = watched.ringway("skew", "taxi", *bounds, "--against", "previous", "--format", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["against"]) == (3, "previous")
    assert "fare" in {feature for _, feature in alarms(found)}
    assert found["training_rows"] == watched.rows


def test_a_check_is_recorded_with_what_training_made_as_its_inputs(watched, fine):
    store = open_store(f"sqlite:///{watched.ringway.home / 'metadata.sqlite'}", read_only=True)
    trained, checked = graph.load(store, "taxi"), graph.load(store, "taxi-skew")
    _, found = fine
    validator = checked.execution_of(found["run"], "SkewValidator")
    assert validator is not None
    inputs = {link.key: link.artifact_id for link in validator.inputs}
    for key in ("training_examples", "training_statistics", "schema", "model"):
        maker = trained.maker(inputs[key])
        assert maker is not None, key
        assert maker.component in {
            "ArrowExampleGen",
            "CsvExampleGen",
            "StatisticsGen",
            "ImportSchemaGen",
            "Trainer",
        }
    served = checked.artifacts[inputs["serving_examples"]]
    assert served.properties["rows_written"] == watched.rows
    assert served.properties["ringway_sampling_rate"] == 1.0
    anomalies = Path(checked.artifacts[validator.outputs[0].artifact_id].uri)
    assert from_json((anomalies / "findings.json").read_text()).status == "OK"
    assert (anomalies / "Split-serving" / "SchemaDiff.pb").is_file()


def test_the_same_records_are_not_read_anew(watched, fine):
    _, first = fine
    code, again = watched.skew("held out")
    assert code == 0
    assert again["run"] != first["run"]
    store = open_store(f"sqlite:///{watched.ringway.home / 'metadata.sqlite'}", read_only=True)
    checked = graph.load(store, "taxi-skew")
    read = [checked.execution_of(run["run"], "PredictionLogExampleGen") for run in (first, again)]
    assert all(execution is not None for execution in read)
    assert len({execution.outputs[0].artifact_id for execution in read if execution}) == 1
