from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from pipelines.lineage import graph, keys
from pipelines.lineage.store import open_store
from pipelines.lineage.why import explain


def _always(_: str) -> bool:
    return True


def test_stock_runs_are_explained_from_the_store_alone(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    first, second, third = (run.name for run in history.runs)
    assert [c.kind for c in explain(history, "SchemaGen", first).causes] == ["first run"]
    cached = explain(history, "SchemaGen", second)
    assert (cached.decision, cached.causes, cached.compared_run) == ("cached", (), first)
    changed = explain(history, "SchemaGen", third)
    assert (changed.decision, changed.compared_run) == ("ran", first)
    assert [(c.kind, c.name) for c in changed.causes] == [
        ("input", "statistics"),
        ("parameter", "infer_feature_shape"),
    ]
    assert ("CsvExampleGen", "data", "span", 1, 2) in {
        (c.node, c.kind, c.name, c.before, c.after) for c in changed.roots if c.name == "span"
    }


def test_code_parameters_and_inputs_are_told_apart(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run(
        "taxi-2",
        tmp_path,
        epochs=9,
        code="cccccccccccc",
        hyperparameters=first["best_hyperparameters"],
    )
    history = graph.load(writer.store, "taxi")
    found = explain(history, "Trainer", exists=_always)
    assert found.run == "taxi-2"
    assert {(c.kind, c.name) for c in found.causes} == {
        ("input", "examples"),
        ("input", "schema"),
        ("input", "transform_graph"),
        ("parameter", "custom_config.epochs"),
    }
    code = [c for c in found.roots if c.kind == "code"]
    assert [(c.node, c.name, c.before, c.after) for c in code] == [
        ("Transform", "pipelines.taxi.preprocessing", "aaaaaaaaaaaa", "cccccccccccc")
    ]


@pytest.mark.parametrize(
    ("properties", "exists", "kind"),
    [
        ({keys.FORCED: 1}, True, "forced"),
        ({}, False, "outputs missing"),
        ({}, True, "not recorded"),
    ],
)
def test_a_rerun_without_changes_says_why_as_far_as_recorded(
    writer: Any, properties: dict[str, object], exists: bool, kind: str
) -> None:
    for name, given in (("a", {}), ("b", properties)):
        writer.run(name)
        writer.execution(name, "Node", outputs={"o": ("Model", f"/{name}", {})}, properties=given)
    found = explain(graph.load(writer.store, "taxi"), "Node", exists=lambda _: exists)
    assert [cause.kind for cause in found.causes] == [kind]


def test_metrics_and_tfx_s_own_notes_are_no_parameters(writer: Any) -> None:
    for name in ("a", "b"):
        writer.run(name)
        own = {keys.METRICS: f'{{"overall": {{"auc": "{name}"}}}}', "__execution_result__": name}
        writer.execution(name, "Evaluator", properties=own)
    found = explain(graph.load(writer.store, "taxi"), "Evaluator", exists=_always)
    assert [cause.kind for cause in found.causes] == ["not recorded"]


def test_a_failed_execution_is_no_yardstick(writer: Any) -> None:
    for name, state, size in (("a", "COMPLETE", 1), ("b", "FAILED", 2), ("c", "COMPLETE", 3)):
        writer.run(name)
        writer.execution(name, "Node", state=state, properties={"size": size})
    history = graph.load(writer.store, "taxi")
    found = explain(history, "Node", "c", exists=_always)
    assert found.compared_run == "a"
    assert [(c.before, c.after) for c in found.causes] == [(1, 3)]
    assert explain(history, "Node", "b", exists=_always).decision == "failed"


def test_resolvers_look_anew_in_every_run(writer: Any) -> None:
    writer.run("a")
    writer.execution("a", "latest", component="Resolver")
    found = explain(graph.load(writer.store, "taxi"), "latest")
    assert [cause.kind for cause in found.causes] == ["always runs"]


def test_a_node_that_did_not_run_says_what_the_run_says(writer: Any) -> None:
    writer.run("a", **{keys.RUN_STATE: "FAILED", keys.RUN_REASON: "no data",
                       keys.RUN_NODES: '{"Trainer": "skipped"}'})  # fmt: skip
    found = explain(graph.load(writer.store, "taxi"), "Trainer")
    assert (found.decision, found.note) == ("did not run", "state skipped; no data")


def test_unknown_runs_and_nodes_are_answered_with_the_closest(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-20260102-ab12", tmp_path)
    history = graph.load(writer.store, "taxi")
    with pytest.raises(UsageError, match="did you mean Trainer"):
        explain(history, "Traner")
    with pytest.raises(UsageError, match="did you mean taxi-20260102-ab12"):
        explain(history, "Trainer", "taxi-20260102-ab1")
