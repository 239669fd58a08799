"""The second notebook: what it shows of a run is what lies in the workspace afterwards."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import notebook_checks
import notebook_examples
import numpy as np
import pytest
import tensorflow as tf
from notebook_runs import number
from sklearn.metrics import roc_auc_score

from pipelines.taxi.search_space import SEARCH_SPACE
from pipelines.workspace import REPOSITORY

RUNS = ("run-data", "run-transform", "run-train", "run-judge")


def big_tips(trips: list[dict]) -> np.ndarray:
    # In float32, as in the graph: many tips are a fifth of the fare to the cent, and rounding
    # decides.
    tips, fares = (
        np.array([trip[name] for trip in trips], np.float32) for name in ("tips", "fare")
    )
    return tips > np.float32(0.2) * fares


@pytest.fixture(scope="module")
def evaluated(stepped, notebook_home) -> list[dict]:
    assert stepped.outputs()
    return list(notebook_examples.taxi_rows(notebook_home, "eval"))


def test_runs_quietly_and_offline(stepped) -> None:
    notebook_checks.assert_quiet(stepped)
    notebook_checks.assert_offline(stepped)


@pytest.mark.parametrize("cell", ["transformed", "by-hour"])
def test_draws(stepped, cell: str) -> None:
    notebook_checks.assert_picture(stepped, cell)


def test_shows_what_each_node_waits_for(stepped) -> None:
    waits = dict(stepped.table("pipeline").rows)
    assert waits["StatisticsGen"] == "ArrowExampleGen"
    assert {"Transform", "ExampleValidator"} <= set(waits["Trainer"].split(", "))
    assert waits["Pusher"] == "Evaluator, ServingValidator"


def test_each_step_ran_its_nodes_and_no_others(stepped) -> None:
    states = {cell: dict(row[:2] for row in stepped.table(cell).rows) for cell in RUNS}
    ran = {
        cell: {node for node, state in nodes.items() if state == "ran"}
        for cell, nodes in states.items()
    }
    assert ran["run-data"] >= {"ArrowExampleGen", "StatisticsGen", "ExampleValidator"}
    assert ran["run-transform"] == {"Transform"}
    assert ran["run-train"] == {"Tuner", "Trainer"}
    assert ran["run-judge"] >= {"Evaluator", "ServingValidator", "Pusher"}
    assert not any(ran[one] & ran[other] for one in RUNS for other in RUNS if one != other)
    assert all("SUCCEEDED" in stepped.text(cell) for cell in RUNS)
    assert stepped.table("run-data").row("StatisticsGen")["rows"] == "15002"


def test_splits_are_those_of_stock_csv_example_gen(stepped, notebook_home) -> None:
    text = stepped.text("examples")
    # The numbers of stock CsvExampleGen on the same file.
    for split, count in (("train", 10_036), ("eval", 4_966)):
        assert f"{split}: {count:,} trips" in text
        assert len(notebook_examples.taxi_records(notebook_home, split)) == count


def test_no_anomalies_in_either_split(stepped) -> None:
    assert len(stepped.data("text/html", "anomalies")) == 2
    assert all("No anomalies found" in page for page in stepped.data("text/html", "anomalies"))


def test_the_rules_of_quality_are_kept(stepped) -> None:
    rules = tomllib.loads((REPOSITORY / "schemas" / "taxi" / "quality.toml").read_text())
    table = stepped.table("quality")
    assert stepped.text("quality").startswith("OK")
    assert set(table.column("verdict")) == {"OK"}
    assert {"accuracy", "completeness", "consistency"} <= set(table.column("side"))
    written = [rule["name"] for side in rules.values() for kind in side.values() for rule in kind]
    assert set(table.column("rule")) == set(written)


def test_the_label_is_a_tip_above_a_fifth_of_the_fare(stepped, notebook_home) -> None:
    trips = list(notebook_examples.taxi_rows(notebook_home, "train"))
    text = stepped.text("transformed-label")
    assert f"{len(trips):,} rows" in text
    shown = re.search(r"([\d.]+)% with a big tip", text)
    assert shown
    assert float(shown.group(1)) / 100 == pytest.approx(big_tips(trips).mean(), abs=0.0006)


def test_the_best_hyperparameters_are_of_the_search_space(stepped) -> None:
    best = ast.literal_eval(stepped.text("hyperparameters"))
    assert set(best) == set(SEARCH_SPACE)
    assert all(value in SEARCH_SPACE[name] for name, value in best.items())


def test_signatures_of_the_exported_model(stepped) -> None:
    names = {line.split()[0] for line in stepped.text("signatures").splitlines() if line.strip()}
    assert names >= {"serving_default", "serving_tensors", "transform_features"}


def test_slices_by_payment_are_those_of_the_eval_split(stepped, evaluated) -> None:
    table = stepped.table("by-payment")
    counts = Counter(trip["payment_type"].decode() for trip in evaluated)
    assert {row[0]: float(row[1]) for row in table.rows if row[0]} == counts


def test_areas_under_the_curve_are_those_of_the_pushed_model(
    stepped, evaluated, notebook_home
) -> None:
    records = notebook_examples.taxi_records(notebook_home, "eval")
    [version] = (notebook_home / "models" / "taxi").iterdir()
    model = tf.saved_model.load(str(version))
    [answers] = model.signatures["serving_default"](tf.constant(records)).values()
    probabilities = answers.numpy().ravel()
    label = big_tips(evaluated)
    by_card = np.array([trip["payment_type"] == b"Credit Card" for trip in evaluated])
    shown = number(stepped.table("evaluation").row("auc")[stepped.table("evaluation").header[-1]])
    # TFMA's area is that under a curve of 10,000 points.
    assert shown == pytest.approx(roc_auc_score(label, probabilities), abs=0.002)
    shown = number(stepped.table("by-payment").row("Credit Card")["auc"])
    assert shown == pytest.approx(roc_auc_score(label[by_card], probabilities[by_card]), abs=0.002)


def test_the_pushed_model_is_there_and_answers(stepped, evaluated) -> None:
    text = stepped.text("ask")
    folder = Path(text.splitlines()[0])
    assert (folder / "saved_model.pb").is_file()
    table = stepped.table("ask")
    assert len(table.rows) == 5
    shown = [number(value) for value in table.column("probability of a big tip")]
    assert all(0 <= value <= 1 for value in shown)
    assert table.column("payment_type") == [trip["payment_type"].decode() for trip in evaluated[:5]]
