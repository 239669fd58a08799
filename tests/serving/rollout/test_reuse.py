import math
import re

import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.reuse import Evaluation, ReusePolicy, choose

POLICY = ReusePolicy(enabled=True, min_gain=0.005, min_metric=0.6, min_examples=1000)


def old(version: int, low: float = 0.01, **changes: object) -> Evaluation:
    given: dict = {"examples": 5000, "metric": 0.7, "gain": low + 0.01, "gain_low": low, **changes}
    return Evaluation(version=version, **given)


@pytest.mark.parametrize(
    ("evaluations", "version", "word"),
    [
        ([], None, "there is no older version"),
        ([old(9)], None, "there is no older version"),
        ([old(3)], 3, "deploy version 3: on 5000 examples"),
        ([old(3, 0.01), old(4, 0.02), old(5, 0.015)], 4, "deploy version 4"),
        ([old(3, 0.01), old(4, 0.01)], 4, "deploy version 4"),
        ([old(3, 0.005)], None, r"version 3 gains \+0.015, at least \+0.005, above \+0.005"),
        ([old(3, -0.01, gain=0.3)], None, "version 3 gains"),
        ([old(3, blessed=False)], None, "version 3 was never blessed"),
        ([old(3, rolled_back=True)], None, "version 3 was rolled back"),
        ([old(3, examples=999)], None, "999 of 1000 examples"),
        ([old(3, metric=0.59)], None, "has 0.59, 0.6 is asked"),
        ([old(3, rolled_back=True), old(4)], 4, "deploy version 4"),
    ],
)
def test_an_older_version_is_deployed_only_when_it_is_surely_better(
    evaluations: list[Evaluation], version: int | None, word: str
) -> None:
    choice = choose(evaluations, serving=9, policy=POLICY)

    assert choice.version == version
    assert re.search(word, choice.because)


def test_reuse_is_off_unless_it_is_asked_for() -> None:
    assert choose([old(3)], serving=9, policy=ReusePolicy()).version is None


def test_the_order_of_evaluations_does_not_matter() -> None:
    evaluations = [old(3, 0.01), old(4, 0.02), old(5, 0.02), old(6, blessed=False)]

    choices = {
        choose(order, serving=9, policy=POLICY).version
        for order in (evaluations, evaluations[::-1])
    }
    assert choices == {5}


@pytest.mark.parametrize("low", [0.2, math.nan])
def test_impossible_intervals_are_refused(low: float) -> None:
    with pytest.raises(RolloutError, match="evaluation of version 3"):
        old(3, low, gain=0.1)
