"""The model that is pushed by hand: what it is made of, and that it is bad."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import MetadataError
from pipelines.lineage.keys import RunState
from pipelines.lineage.records import ArtifactRecord, ExecutionRecord, History, Link, Run
from pipelines.replay import bad_model


def _run(context_id: int, state: str) -> Run:
    return Run(context_id=context_id, name=f"run-{context_id}", state=state, started=0.0)


def _execution(number: int, node: str, run: str, **outputs: int) -> ExecutionRecord:
    links = tuple(Link(key=key, index=0, artifact_id=one) for key, one in outputs.items())
    return ExecutionRecord(
        id=number, node=node, runs=(run,), type=node, state="COMPLETE",
        created=0.0, updated=0.0, outputs=links,
    )  # fmt: skip


def _history(*runs: Run) -> History:
    executions: dict[int, ExecutionRecord] = {}
    artifacts: dict[int, ArtifactRecord] = {}
    for run in runs:
        base = 10 * run.context_id
        nodes = (
            _execution(
                base, "Transform", run.name, transformed_examples=base, transform_graph=base + 1
            ),
            _execution(base + 1, "Tuner", run.name, best_hyperparameters=base + 2),
        )
        executions |= {one.id: one for one in nodes}
        artifacts |= {
            base + place: ArtifactRecord(id=base + place, type="x", uri=f"/{run.name}/{place}")
            for place in range(3)
        }
    return History(pipeline="flights", runs=runs, executions=executions, artifacts=artifacts)


def test_it_is_made_of_the_newest_blessed_run() -> None:
    found = bad_model.newest_blessed(
        _history(_run(1, RunState.BLESSED), _run(2, RunState.BLESSED), _run(3, RunState.REJECTED))
    )
    assert found.run.name == "run-2"
    assert str(found.examples) == "/run-2/0"
    assert str(found.transform) == "/run-2/1"
    assert str(found.hyperparameters) == "/run-2/2/best_hyperparameters.txt"


def test_there_has_to_be_one() -> None:
    with pytest.raises(MetadataError, match="no run has blessed"):
        bad_model.newest_blessed(_history(_run(1, RunState.FAILED)))


def test_one_column_is_turned_round_and_the_others_stay() -> None:
    places = np.array([[0.0, 0.25], [1.0, 0.5]], dtype=np.float32)
    changed = bad_model.turned_round(places, 1)
    assert changed.tolist() == [[0.0, 0.75], [1.0, 0.5]]
    assert places.tolist() == [[0.0, 0.25], [1.0, 0.5]]
