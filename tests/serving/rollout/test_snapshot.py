import json

import pytest

from serving.rollout.arms import ArmAccumulator
from serving.rollout.errors import RolloutError
from serving.rollout.histogram import Histogram, LinearScale
from serving.rollout.snapshot import ArmStats, Snapshot, Wish


def stats(scale: LinearScale) -> ArmStats:
    arm = ArmAccumulator(scale)
    arm.add_answer(0.01, [3.0, 7.0])
    arm.add_error()
    arm.add_label("loss", 0.25)
    return arm.extract()


SNAPSHOT = Snapshot(
    step=2,
    candidate=stats(LinearScale(low=0, high=10, inner=5)),
    stable=stats(LinearScale(low=0, high=10, inner=5)),
    candidate_ready=True,
    candidate_failure="",
    wish=Wish.PAUSE,
)


def test_a_snapshot_is_read_as_it_is_written() -> None:
    assert Snapshot.from_json(SNAPSHOT.to_json()) == SNAPSHOT
    assert Snapshot.from_json(Snapshot().to_json()) == Snapshot()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["step"], -2, "snapshot: step must be a whole number of at least -1"),
        (["wish"], "hope", "wish must be one of none, pause, promote, abort"),
        (["extra"], 1, "unknown extra"),
        (["candidate", "requests"], 0, "at most as many errors as requests, received 1 of 0"),
        (["candidate", "latency"], {"-1": 3}, "unknown -1"),
        (["stable", "metrics"], {"loss": {}}, "snapshot, stable, loss: count is missing"),
        (["stable", "prediction_scale", "inner"], 0, "inner must be a whole number of at least 1"),
    ],
)
def test_what_is_not_valid_is_named(path: list[str], value: object, message: str) -> None:
    document = json.loads(SNAPSHOT.to_json())
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value

    with pytest.raises(RolloutError, match=message):
        Snapshot.from_json(json.dumps(document))


def test_latencies_over_other_bins_are_refused() -> None:
    with pytest.raises(RolloutError, match="expected latencies over"):
        ArmStats(latency=Histogram.empty(LinearScale(low=0, high=1, inner=2)))
