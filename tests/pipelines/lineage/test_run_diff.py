from pathlib import Path
from typing import Any

from pipelines.lineage import graph
from pipelines.lineage.changes import Change, compare
from pipelines.lineage.run_diff import diff
from pipelines.lineage.store import open_store


def test_a_cached_rerun_differs_in_nothing_but_states(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    found = diff(history, history.runs[0].name, history.runs[1].name)
    assert found.same
    assert {(n.state_before, n.state_after) for n in found.nodes} == {("ran", "cached")}


def test_new_data_and_parameters_of_stock_runs_are_found(tiny_store: str) -> None:
    history = graph.load(open_store(tiny_store, read_only=True), "tiny")
    found = diff(history, history.runs[1].name, history.runs[2].name)
    assert not found.same
    assert [c.name for c in found.sections["inputs"]] == [
        "CsvExampleGen.input_fingerprint",
        "CsvExampleGen.span",
    ]
    assert "SchemaGen.infer_feature_shape" in {c.name for c in found.sections["parameters"]}


def test_every_section_names_what_changed(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run("taxi-2", tmp_path, span=2, epochs=9, auc=0.85, code="c", blessed=False)
    found = diff(graph.load(writer.store, "taxi"), "taxi-1", "taxi-2")
    changed = {title: {c.name for c in changes} for title, changes in found.sections.items()}
    assert changed == {
        "run": {"state", "reason"},
        "configuration": {"epochs"},
        "inputs": {"CsvExampleGen.input_fingerprint", "CsvExampleGen.span"},
        "parameters": {"Trainer.custom_config.epochs"},
        "code": {"Transform.pipelines.taxi.preprocessing"},
        "hyperparameters": {"units"},
        "metrics": {"overall.auc", "payment_type=Cash.auc"},
    }
    pusher = next(node for node in found.nodes if node.node == "Pusher")
    assert (pusher.state_before, pusher.state_after, pusher.seconds_after) == ("ran", None, None)


def test_json_in_texts_is_compared_by_path() -> None:
    before = {"custom": '{"epochs": 5, "label": "tip"}', "module": "a", "same": 1, "none": {}}
    after = {"custom": '{"epochs": 9, "label": "tip"}', "same": 1, "text": "{no json"}
    assert compare(before, after) == (
        Change(name="custom.epochs", before=5, after=9),
        Change(name="module", before="a", after=None),
        Change(name="text", before=None, after="{no json"),
    )
