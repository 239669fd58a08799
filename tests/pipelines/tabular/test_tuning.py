from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

from pipelines.tabular import tuning
from pipelines.taxi.search_space import SEARCH_SPACE
from pipelines.taxi.task import TASK

# KerasTuner calls threads by their old names.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


def make(folder: Path, *, algorithm: str = "grid", max_trials: int = 20) -> Any:
    return tuning.make_tuner(
        TASK, algorithm=algorithm, max_trials=max_trials, steps=10, seed=0, folder=folder
    )


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("grid", keras_tuner.GridSearch),
        ("random", keras_tuner.RandomSearch),
        ("bayesian", keras_tuner.BayesianOptimization),
    ],
)
def test_the_configured_algorithm_searches(algorithm: str, kind: type, tmp_path: Path) -> None:
    tuner = make(tmp_path, algorithm=algorithm, max_trials=3)

    assert tuner.oracle.max_trials == 3
    assert type(tuner) is kind


def test_grid_search_tries_every_combination_once(tmp_path: Path) -> None:
    tuner = make(tmp_path)

    tried = []
    while (trial := tuner.oracle.create_trial("test")).status != "STOPPED":
        values = trial.hyperparameters.values
        tried.append(tuple(values[name] for name in SEARCH_SPACE))
        tuner.oracle.update_trial(trial.trial_id, {tuning.OBJECTIVE.name: 1.0})
        trial.status = "COMPLETED"
        tuner.oracle.end_trial(trial)

    assert len(tried) == len(set(tried))
    assert set(tried) == set(itertools.product(*SEARCH_SPACE.values()))


def test_a_seed_of_zero_is_a_seed(tmp_path: Path) -> None:
    def proposed(folder: Path) -> list[dict[str, float]]:
        oracle = make(folder, algorithm="random").oracle
        return [oracle.create_trial(str(n)).hyperparameters.values for n in range(6)]

    assert proposed(tmp_path / "a") == proposed(tmp_path / "b")


def test_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="grid, random, bayesian, received 'anneal'"):
        make(tmp_path, algorithm="anneal")


def test_a_search_overwrites_an_earlier_one_and_finds_a_best(fn_args: Any) -> None:
    fn_args.custom_config["tuner"] = {"algorithm": "random", "max_trials": 2, "epochs": 1}
    for _ in range(2):
        result = tuning.search(fn_args, TASK)
        result.tuner.search(**result.fit_kwargs)

        assert len(result.tuner.oracle.trials) == 2
        best = result.tuner.get_best_hyperparameters()[0].get_config()["values"]
        assert best.keys() == SEARCH_SPACE.keys()
        assert all(best[name] in choices for name, choices in SEARCH_SPACE.items())


@pytest.mark.parametrize("name", ["tuner", "batch_size", "seed"])
def test_a_search_has_no_defaults_of_its_own(fn_args: Any, name: str) -> None:
    fn_args.custom_config["tuner"] = {"algorithm": "random", "max_trials": 2, "epochs": 1}
    del fn_args.custom_config[name]
    with pytest.raises(KeyError, match=name):
        tuning.search(fn_args, TASK)
