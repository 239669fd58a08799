"""The taxi pipeline from the command line to the pushed model: one real run, shared."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.lineage import keys
from pipelines.lineage.store import open_store
from pipelines.taxi.config import CONFIG
from pipelines.workspace import REPOSITORY

EXAMPLE_GEN = "ArrowExampleGen"
COMPONENTS = {
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
}
OURS = {
    "components.arrow_example_gen.component.ArrowExampleGen",
    "components.data_quality_validator.component.DataQualityValidator",
    "components.rollout_pusher.component.RolloutPusher",
    "components.serving_validator.component.ServingValidator",
}


def node_states(report: dict) -> dict[str, str]:
    return {node["id"]: node["state"] for node in report["nodes"]}


def rows_of_taxi() -> tuple[list[str], list[list[str]]]:
    [file] = Path(CONFIG.data_root).glob("*.csv")
    with file.open(newline="") as opened:
        header, *rows = csv.reader(opened)
    return header, rows


def write_csv(folder: Path, header: list[str], rows: list[list[str]]) -> None:
    folder.mkdir()
    with (folder / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_ends_with_a_blessed_and_pushed_model(taxi) -> None:
    _, report = taxi
    assert (report["state"], report["exit_code"]) == ("BLESSED", 0), report
    assert set(node_states(report).values()) == {"ran"}
    assert (Path(report["pushed_to"]) / "saved_model.pb").is_file()
    rows = {node["id"]: node["rows"] for node in report["nodes"]}
    assert rows["StatisticsGen"] == 15_002
    assert rows["ServingValidator"] == 64


def test_the_model_was_served_and_what_is_pushed_brings_warm_up_requests(taxi) -> None:
    ringway, report = taxi
    warm_up = Path("assets.extra") / "tf_serving_warmup_requests"
    assert (Path(report["pushed_to"]) / warm_up).is_file()
    store = open_store(f"sqlite:///{ringway.home / 'metadata.sqlite'}")
    [blessing] = store.get_artifacts_by_type("InfraBlessing")
    assert (Path(blessing.uri) / "INFRA_BLESSED").is_file()
    found = blessing.custom_properties
    assert found["blessed"].int_value == 1
    assert set(found["signatures_compared"].string_value.split(", ")) == {
        "serving_default",
        "serving_tensors",
        "classification",
        "regression",
        "transform_features",
    }
    assert found["signatures_left_out"].string_value == ""
    assert 0 <= found["max_relative_difference"].double_value <= 1e-6
    assert 0 < found["latency_p50_ms"].double_value <= found["latency_p99_ms"].double_value
    [model] = store.get_artifacts_by_type("Model")
    assert not (Path(model.uri) / "Format-Serving" / warm_up).exists()


def test_all_components_are_executions_in_ml_metadata(taxi) -> None:
    ringway, report = taxi
    store = open_store(f"sqlite:///{ringway.home / 'metadata.sqlite'}")
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, report["run"])
    executions = store.get_executions_by_context(run.id)
    complete = {e.type.rpartition(".")[2] for e in executions if e.last_known_state == 3}
    assert complete >= COMPONENTS
    others = {e.type for e in executions if not e.type.startswith("tfx.")}
    assert others == OURS


def test_metrics_of_the_whole_and_of_slices_are_recorded(taxi) -> None:
    ringway, report = taxi
    store = open_store(f"sqlite:///{ringway.home / 'metadata.sqlite'}")
    run = store.get_context_by_type_and_name(keys.RUN_CONTEXT, report["run"])
    [evaluator] = [
        e for e in store.get_executions_by_context(run.id) if e.type.endswith(".Evaluator")
    ]
    metrics = json.loads(evaluator.custom_properties[keys.METRICS].string_value)
    aucs = {name: values["auc"] for name, values in metrics.items() if "auc" in values}
    assert aucs["overall"] >= CONFIG.evaluation.min_auc
    sliced_by = {name.partition("=")[0] for name in metrics} - {"overall"}
    assert sliced_by == {"payment_type", "trip_start_hour", "company"}


def test_the_lineage_page_names_the_model_and_what_made_it(taxi, tmp_path: Path) -> None:
    ringway, report = taxi
    page = tmp_path / "lineage.html"
    done = ringway("lineage", "taxi", "--format", "html", "--output", str(page))
    assert done.returncode == 0, done.stderr
    html = page.read_text()
    for component in COMPONENTS - {"StatisticsGen", "SchemaGen", "ExampleValidator"}:
        assert component in html
    assert EXAMPLE_GEN in html
    assert "ServingValidator" in html
    assert "Pusher" in html
    assert report["run"] in html
    assert Path(report["pushed_to"]).name in html


def test_lineage_as_json_leads_from_the_model_to_its_data(taxi) -> None:
    ringway, report = taxi
    done = ringway("lineage", "taxi", "--format", "json")
    assert done.returncode == 0, done.stderr
    text = json.dumps(json.loads(done.stdout))
    assert "total_bytes:1922812" in text
    assert report["run"] in text


def test_runs_lists_the_run_and_why_explains_a_node(taxi) -> None:
    ringway, report = taxi
    listed = ringway("runs", "taxi")
    assert report["run"] in listed.stdout
    assert "BLESSED" in listed.stdout
    why = ringway("why", "taxi", "Trainer", "--run", report["run"])
    assert why.returncode == 0, why.stderr
    assert "first" in why.stdout or "no earlier" in why.stdout


def test_the_schema_that_was_inferred_is_compared_with_the_curated_one(taxi) -> None:
    ringway, _ = taxi
    done = ringway("schema", "diff", "taxi")
    assert done.returncode == 0, done.stderr
    assert "company" in done.stdout


@pytest.fixture(scope="module")
def settled(taxi):
    """The workspace after the first rerun, which judges the model against itself."""
    ringway, first = taxi
    return ringway, first, ringway.run()


def test_the_first_rerun_judges_against_the_new_baseline_only(settled) -> None:
    _, _, second = settled
    states = node_states(second)
    assert states["Evaluator"] == "ran"
    assert states["Tuner"] == "reused"
    assert {states[node] for node in (EXAMPLE_GEN, "Transform", "Trainer")} == {"cached"}
    assert states["ServingValidator"] == "cached"
    assert second["state"] == "BLESSED"


def test_an_unchanged_rerun_takes_everything_from_the_cache(settled) -> None:
    ringway, _, _ = settled
    third = ringway.run()
    assert third["state"] == "BLESSED"
    assert set(node_states(third).values()) == {"cached"}


def test_a_model_below_a_bound_is_rejected_and_not_pushed(settled) -> None:
    ringway, _, _ = settled
    pushed = sorted(path.name for path in (ringway.home / "models" / "taxi").iterdir())
    report = ringway.run("--set", "evaluation.min_auc=0.999")
    assert (report["state"], report["exit_code"]) == ("REJECTED", 4)
    assert node_states(report)["Pusher"] == "waiting"
    assert any(
        "auc" in o["subject"]
        and "overall" in o["subject"]
        and "below the bound 0.999" in o["reason"]
        for o in report["objections"]
    )
    assert sorted(path.name for path in (ringway.home / "models" / "taxi").iterdir()) == pushed
    resumed = ringway.run("--resume")
    assert resumed["state"] == "REJECTED"  # with the same bound, as it was recorded
    assert f"resumes {report['run']}" in ringway("runs", "taxi").stdout
    compared = ringway("diff", settled[1]["run"], report["run"])
    assert compared.returncode == 0, compared.stderr
    assert "0.999" in compared.stdout


def test_text_in_a_column_of_numbers_stops_the_run_and_names_the_row(
    make_ringway, tmp_path: Path
) -> None:
    header, rows = rows_of_taxi()
    rows = rows[:2000]
    rows[4][header.index("fare")] = "twelve"
    write_csv(tmp_path / "data", header, rows)
    ringway = make_ringway()
    done = ringway("run", "taxi", "--set", f"data_root={tmp_path / 'data'}")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ANOMALIES" in done.stdout
    assert "line 6, column 'fare': 'twelve' is no number" in done.stdout
    assert not (ringway.home / "models").exists()


def test_a_terminated_run_is_recorded_as_cancelled(make_ringway) -> None:
    ringway = make_ringway()
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli.main", "run", "taxi"],
        env={**os.environ, "RINGWAY_HOME": str(ringway.home)},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if f"{EXAMPLE_GEN}: started" in line:
                process.terminate()
                break
        shown = process.stdout.read()
        assert process.wait(60) == 130
    assert f"{EXAMPLE_GEN}: cancelled" in shown
    assert "CANCELLED" in ringway("runs", "taxi").stdout


def test_a_constant_label_fails_and_says_so(make_ringway, tmp_path: Path) -> None:
    header, rows = rows_of_taxi()
    rows = rows[:2000]
    for row in rows:
        row[header.index("tips")] = "0.0"
    write_csv(tmp_path / "data", header, rows)
    done = make_ringway()(
        "run", "taxi", "--set", f"data_root={tmp_path / 'data'}", "--set", "fail_on=never"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "label 'tips': expected both 0 and 1" in done.stdout
    assert "FAILED" in done.stdout
