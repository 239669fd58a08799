"""The pipeline of a check, before it runs."""

from __future__ import annotations

import json

import pytest

from components.performance_validator import keys
from components.prediction_log_example_gen import windows
from pipelines import config
from pipelines.feedback import pipeline
from pipelines.feedback.plans import Plan
from pipelines.workspace import Workspace


def assembled(tmp_path, evaluations):
    workspace = Workspace.from_environment({"RINGWAY_HOME": str(tmp_path)})
    plan = Plan(
        log_folder=tmp_path / "log",
        period=windows.between(1, 0, 3600),
        fingerprint="f",
        absent={},
        labels_folder=tmp_path / "labels",
        labels_fingerprint="l",
        as_of_sec=7200.0,
        evaluations=evaluations,
        title="flights: one hour",
    )
    made = pipeline.over_window(config.named("flights"), workspace, plan)
    assert made.pipeline_info.pipeline_name == "flights-feedback"
    return {node.id: node for node in made.components}


def test_the_configuration_reaches_the_nodes(tmp_path):
    nodes = assembled(tmp_path, {"7": "/e/7"})
    join = nodes["FeedbackJoin"].exec_properties
    assert (json.loads(join["columns"]), json.loads(join["identifiers"])) == (
        ["arr_delay"],
        ["flight_id"],
    )
    assert join["as_of_sec"] == 7200.0
    validator = nodes["PerformanceValidator"].exec_properties
    assert validator[keys.LABEL_FN] == "pipelines.flights.labels.late"
    assert json.loads(validator[keys.EVALUATED]) == {"7": "/e/7"}
    assert json.loads(validator[keys.IDENTIFIERS]) == ["flight_id"]
    given = json.loads(validator[keys.EVAL_CONFIG])
    # Named in the parameter, so that another code of the metric makes another run.
    modules = {metric.get("module") for metric in given["metrics_specs"][0]["metrics"]}
    assert "pipelines.tabular.slice_auc" in modules


def test_an_evaluation_of_two_versions_is_imported_once(tmp_path):
    nodes = assembled(tmp_path, {"7": "/e", "8": "/e"})
    assert [name for name in nodes if name.startswith("evaluation_")] == ["evaluation_7"]
    validator = nodes["PerformanceValidator"].exec_properties
    assert json.loads(validator[keys.EVALUATED]) == {"7": "/e", "8": "/e"}


@pytest.mark.parametrize("versions", [[], ["7"], ["7", "8", "9"]])
def test_every_evaluation_is_imported_and_given_to_the_validator(tmp_path, versions):
    nodes = assembled(tmp_path, {version: f"/e/{version}" for version in versions})
    assert {f"evaluation_{version}" for version in versions} < set(nodes)
    assert (keys.EVALUATIONS in nodes["PerformanceValidator"].inputs) == bool(versions)
    upstream = {node.id for node in nodes["PerformanceValidator"].upstream_nodes}
    assert upstream == {"FeedbackJoin", *(f"evaluation_{version}" for version in versions)}
