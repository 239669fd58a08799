"""Choosing among versions that were really exported, by a real run of the pipeline.

What trained and pushed them is written into ML Metadata by hand.
"""

import csv
import dataclasses

import numpy as np
import pytest
import reuse_models as models
from lineage_writer import Writer

from pipelines.config import PipelineConfig
from pipelines.config_parts import EvaluationConfig, RolloutConfig
from pipelines.lineage import graph
from pipelines.lineage.keys import RunState
from pipelines.lineage.store import open_store
from pipelines.reuse import check
from pipelines.rollout import keys as rollout_keys
from pipelines.rollout import records
from pipelines.runners.local.report import Silent
from pipelines.workspace import Workspace
from serving.rollout.actions import RollBack
from serving.rollout.plan import Plan, Strategy
from serving.rollout.state import after

NAME = "departures"
SERVING, GOOD, NOISE = 1_767_323_003, 1_767_323_001, 1_767_323_002


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """Three versions: the first suits span 4, the others are noise there; the third serves."""
    root = tmp_path_factory.mktemp("reuse")
    workspace = Workspace(root=root, metadata_url=f"sqlite:///{root / 'metadata.sqlite'}")
    writer = Writer(open_store(workspace.metadata_url), pipeline=NAME)
    for span, version in enumerate((GOOD, NOISE, SERVING), start=1):
        writer.taxi_run(f"run-{span}", root / "runs", span=span)
        column = "good" if version == GOOD else "noise"
        models.scoring(workspace.model_root(NAME) / str(version), column)
    random = np.random.default_rng(3)
    late = random.random(1500) < 0.3
    folder = root / "data" / "span-4"
    folder.mkdir(parents=True)
    with (folder / "data.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["happened", "good", "noise"])
        scores = late + random.normal(size=1500), random.normal(size=1500)
        rows.writerows(zip(np.where(late, 60.5, 0.5), *scores, strict=True))
    return workspace


def _config(workspace: Workspace, *, reuse: bool = True) -> PipelineConfig:
    nothing = "pipelines.nowhere.nothing"
    return PipelineConfig(
        name=NAME,
        data_root=str(workspace.root / "data"),
        input_pattern="span-{SPAN}/*",
        schema_path="schema.pbtxt",
        label="happened",
        preprocessing_fn=nothing,
        run_fn=nothing,
        tuner_fn=nothing,
        eval_config_fn=nothing,
        evaluation=EvaluationConfig(min_auc=0.6),
        rollout=RolloutConfig(reuse=reuse),
    )


def _choose(workspace: Workspace, serving: int = SERVING, **changed: bool) -> check.Answer:
    return check.choose(
        _config(workspace, **changed),
        workspace,
        serving_version=serving,
        span=4,
        progress=Silent(),
        now=lambda: 1_800_000_000.0,
    )


def test_reuse_that_is_off_runs_nothing(workspace) -> None:
    answer = _choose(workspace, reuse=False)
    assert (answer.version, answer.run) == (None, None)
    assert "is off" in answer.because


def test_the_older_version_that_suits_the_newest_span_is_chosen(workspace) -> None:
    answer = _choose(workspace)
    assert answer.run is not None
    assert answer.run.outcome.state == RunState.SUCCEEDED
    assert answer.version == GOOD
    assert f"deploy version {GOOD}" in answer.because
    found = answer.findings
    assert found is not None
    assert (found.examples, found.serving) == (1500, SERVING)
    # Scores N(1, 1) against N(0, 1): the area is Phi(1 / sqrt 2).
    assert found.versions[0].auc == pytest.approx(0.760, abs=0.04)
    run = graph.load(open_store(workspace.metadata_url), f"{NAME}-reuse").runs[-1]
    assert (run.started, run.config["versions"]) == (1_800_000_000.0, [GOOD, NOISE])


def test_lineage_leads_from_the_choice_to_what_was_pushed(workspace) -> None:
    _choose(workspace)
    history = graph.load(open_store(workspace.metadata_url), f"{NAME}-reuse")
    [choice] = history.of_type("VersionChoice")
    assert choice.properties["chosen_version"] == GOOD
    upstream, _ = history.upstream(choice.id)
    pushed = {a.uri for a in map(history.artifacts.get, upstream) if a and a.type == "PushedModel"}
    trained = graph.load(open_store(workspace.metadata_url), NAME).of_type("PushedModel")
    assert pushed == {artifact.uri for artifact in trained}


def test_asked_again_the_answer_comes_from_the_cache(workspace) -> None:
    first, second = _choose(workspace), _choose(workspace)
    assert dataclasses.replace(first, run=None) == dataclasses.replace(second, run=None)
    assert second.run is not None
    states = {node.id: str(node.state) for node in second.run.nodes}
    assert states["VersionSelector"] == "cached"


def test_a_version_that_was_rolled_back_is_not_asked(workspace) -> None:
    store = open_store(workspace.metadata_url)
    plan = Plan(
        id="r-1",
        model=NAME,
        stable_version=NOISE,
        candidate_version=GOOD,
        strategy=Strategy.BLUE_GREEN,
    )
    records.open_rollout(store, NAME, plan, origin="a push", now_sec=10.0, token="a")
    assert check.looked_up(NAME, workspace, SERVING).asked == (GOOD, NOISE)
    [rollout] = records.read(store, NAME).rollouts
    state = after(plan, rollout.state, RollBack(because="prediction_drift is broken"), 20.0)
    action = records.Action(
        number=1, kind=rollout_keys.ROLL_BACK, because=state.because, at_sec=20.0, state=state
    )
    records.record(store, NAME, rollout, action, token="b")
    found = check.looked_up(NAME, workspace, SERVING)
    assert found.asked == (NOISE,)
    assert found.passed_over == {GOOD: "was rolled back"}


def test_a_pipeline_that_never_ran_has_no_older_version(workspace) -> None:
    config = dataclasses.replace(_config(workspace), name="another")
    answer = check.choose(config, workspace, serving_version=1, span=4, progress=Silent())
    assert answer.because == "train: there is no older version"


def test_a_serving_version_that_is_not_on_disk_cannot_be_compared(workspace) -> None:
    answer = _choose(workspace, serving=5)
    assert (answer.version, answer.run) == (None, None)
    assert "version 5, which serves, is not in" in answer.because
