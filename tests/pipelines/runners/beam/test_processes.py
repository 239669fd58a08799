"""Several processes compute what one does, and the cache does not care how many there were."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import beam_results
import numpy as np
import pytest

TWO = ("--beam", "direct,processes=2")


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one process made, and what two made of the same.

    Attributes:
        said: What the run on two processes printed.
        one: Folder of the pipeline's artifacts of one process.
        two: Of two.
    """

    said: str
    one: Path
    two: Path


@pytest.fixture(scope="module")
def runs(make_ringway: Any) -> Runs:
    """Parts of the taxi pipeline again on two processes: without the cache, and with it."""
    # A workspace of its own: TFX takes up the newest run of the store, of whatever pipeline.
    first, ringway = make_ringway(), make_ringway()
    whole = first("run", "taxi")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    shutil.copy(first.home / "metadata.sqlite", ringway.home)
    first_part = ("--to", "Transform", "--to", "StatisticsGen")
    # In this order: a part of the pipeline goes on from the run before it, which has to be whole.
    done = [
        ringway("run", "taxi", *TWO, *part)
        for part in (("--only", "Evaluator", "--force"), first_part, (*first_part, "--force"))
    ]
    for run in done:
        assert run.returncode == 0, run.stdout + run.stderr
    of = Path("pipelines", "taxi")
    return Runs(said=done[1].stdout, one=first.home / of, two=ringway.home / of)


def test_the_run_says_where_beam_runs(runs: Runs) -> None:
    assert "Beam: 2 processes, as profile direct says" in runs.said


@pytest.mark.parametrize("node", ["StatisticsGen", "Transform"])
def test_other_flags_of_beam_make_no_node_run_again(runs: Runs, node: str) -> None:
    assert re.search(rf"^  {node}: cached in", runs.said, re.MULTILINE), runs.said


@pytest.mark.parametrize("split", beam_results.SPLITS)
def test_statistics_are_equal(runs: Runs, split: str) -> None:
    one, two = (
        beam_results.statistics(beam_results.newest(root / "StatisticsGen", "statistics"), split)
        for root in (runs.one, runs.two)
    )
    assert one["num_examples"] > 4000
    assert one.keys() == two.keys()
    for place, value in one.items():
        expected = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
        assert two[place] == expected, place


def test_transform_graphs_do_the_same(runs: Runs) -> None:
    examples = beam_results.newest(runs.one / "ArrowExampleGen", "examples") / "Split-eval"
    one, two = (
        beam_results.outputs(beam_results.newest(root / "Transform", "transform_graph"), examples)
        for root in (runs.one, runs.two)
    )
    assert one.keys() == two.keys()
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-6, err_msg=name)


def test_metrics_of_the_same_model_are_equal(runs: Runs) -> None:
    one, two = (
        beam_results.metrics(beam_results.newest(root / "Evaluator", "evaluation"))
        for root in (runs.one, runs.two)
    )
    assert len(one) > 10
    assert {name: two[name] for name in one} == pytest.approx(one, abs=1e-6)
