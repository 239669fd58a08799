"""Metrics of both arms from real shards and drop files, by hand-computed numbers."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import log_gen_records as logs
import numpy as np
import pytest

from pipelines.feedback import served_answers
from pipelines.feedback.arm_metrics import ArmMetrics, arm_metrics
from pipelines.taxi.config import CONFIG
from serving.rollout.evidence import Count

BEGAN = logs.START
NOW = BEGAN + 7200
COLUMNS = ("fare", "tips", "payment_type")


def answer(
    request_id: str, arm: str, score: float, *, fare: float = 10.0, at: float = 10, id_: str = "r1"
) -> tuple[bytes, ...]:
    pair = logs.predict(
        {"fare": np.array([fare], np.float32), "payment_type": np.array([b"Cash"], object)},
        {"outputs": np.array([[score]], np.float32)},
    )
    return logs.record("predict", pair, request_id, now=BEGAN + at, rollout=(id_, arm))


@dataclasses.dataclass
class Place:
    """A log and a drop folder, and a look at both."""

    root: Path

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def drop(self) -> Path:
        return self.root / "drop"

    def serve(self, *records: tuple[bytes, ...], at: float = 10) -> Path:
        self.log.mkdir(exist_ok=True)
        return logs.write_log(self.log, records, started=BEGAN + at)

    def label(self, text: str, name: str = "labels-20261121T173000Z-x.csv") -> Path:
        self.drop.mkdir(exist_ok=True)
        (self.drop / name).write_text("request_id,tips,labelled_at\n" + text)
        return self.drop / name

    def look(self, **asked: Any) -> Any:
        given = {"rollout_id": "r1", "since_sec": float(BEGAN), "now_sec": float(NOW), **asked}
        return arm_metrics(self.log, self.drop, CONFIG, **given)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_arm_has_the_metrics_of_its_labelled_answers(place: Place) -> None:
    place.serve(
        answer("a", "stable", 0.25),
        answer("b", "stable", 0.5),
        answer("c", "candidate", 0.75),
        answer("unlabelled", "candidate", 0.75),
    )
    # Tips of 3 are more than a fifth of a fare of 10, tips of 1 are not.
    place.label(f"a,1,{BEGAN + 60}\nb,3,{BEGAN + 60}\nc,1,{BEGAN + 60}\n")
    found = place.look()
    assert set(found) == {"stable", "candidate"}
    stable, candidate = found["stable"], found["candidate"]
    assert stable["brier"].count == 2
    assert stable["brier"].mean == pytest.approx((0.0625 + 0.25) / 2)
    assert stable["brier"].squares == pytest.approx(2 * (0.09375**2))
    assert stable["log_loss"].mean == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)
    assert (stable["accuracy"].count, stable["accuracy"].mean) == (2, 1.0)
    assert stable["accuracy"].as_count("accuracy") == Count(2, 2)
    assert candidate["log_loss"].mean == pytest.approx(-math.log(0.25))
    assert (candidate["accuracy"].count, candidate["accuracy"].mean) == (1, 0.0)
    assert "prediction_distance" not in candidate


def test_a_shadow_is_compared_request_by_request_as_the_candidate(place: Place) -> None:
    place.serve(
        answer("a", "stable", 0.25),
        answer("a", "shadow", 0.5),
        answer("b", "stable", 0.25),
        answer("b", "shadow", 0.125),
        answer("c", "stable", 0.9),
    )
    place.label(f"a,1,{BEGAN + 60}\nc,1,{BEGAN + 60}\n")
    candidate = place.look()["candidate"]
    assert candidate["prediction_distance"].count == 2
    assert candidate["prediction_distance"].mean == pytest.approx((0.25 + 0.125) / 2)
    assert candidate["paired_brier"].count == 1
    assert candidate["paired_brier"].mean == pytest.approx(0.25 - 0.0625)
    assert candidate["paired_log_loss"].mean == pytest.approx(math.log(0.75) - math.log(0.5))
    assert candidate["log_loss"].mean == pytest.approx(-math.log(0.5))


@pytest.mark.parametrize(
    ("outputs", "brier"),
    [
        ([0.25], 0.0625),
        ([[0.25]], 0.0625),
        ([[0.75, 0.25]], 0.0625),  # of both classes
        ([[0.5, 0.25, 0.25]], None),  # of three, which is no probability of 1
        (0.25, None),  # of no row
        ([0.25, 0.5], None),  # of more rows than were asked about
    ],
)
def test_answers_are_read_as_the_pipeline_reads_them(
    place: Place, outputs: Any, brier: float | None
) -> None:
    asked = {"fare": np.array([10], np.float32), "payment_type": np.array([b"Cash"], object)}
    pair = logs.predict(asked, {"outputs": np.array(outputs, np.float32)})
    place.serve(logs.record("predict", pair, "a", now=BEGAN + 10, rollout=("r1", "stable")))
    place.label(f"a,1,{BEGAN + 60}\n")
    found = place.look()["stable"]
    assert (found["brier"].mean if found else None) == brier


def test_an_id_that_several_requests_used_names_none_of_them(place: Place) -> None:
    seen = ArmMetrics(place.log, place.drop, CONFIG)

    def look() -> Any:
        return seen.extract(rollout_id="r1", since_sec=BEGAN, now_sec=NOW)

    place.serve(answer("page", "stable", 0.25), answer("other", "stable", 0.5))
    place.label(f"page,1,{BEGAN + 60}\nother,1,{BEGAN + 60}\n")
    assert look()["stable"]["brier"].count == 2
    # The same id, another fare, and what the shadow says to each.
    place.serve(
        answer("page", "candidate", 0.75, fare=20.0),
        answer("page", "shadow", 0.5, fare=20.0),
        answer("page", "shadow", 0.125),
        at=20,
    )
    found = look()
    assert (found["stable"]["brier"].count, found["stable"]["brier"].mean) == (1, 0.25)
    assert "brier" not in found["candidate"]
    assert found["candidate"]["prediction_distance"].mean == pytest.approx(0.125)


def test_a_shard_that_fails_is_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.serve(answer("a", "stable", 0.25), answer("b", "stable", 0.25))
    place.label(f"a,1,{BEGAN + 60}\nb,1,{BEGAN + 60}\n")
    seen = ArmMetrics(place.log, place.drop, CONFIG)
    whole = served_answers.answers_of
    calls = []

    def broken(content: bytes, asked: Any) -> Any:
        calls.append(content)
        if len(calls) == 2:
            raise OSError("the disk is away")
        return whole(content, asked)

    monkeypatch.setattr(served_answers, "answers_of", broken)
    with pytest.raises(OSError, match="away"):
        seen.extract(rollout_id="r1", since_sec=BEGAN, now_sec=NOW)
    found = seen.extract(rollout_id="r1", since_sec=BEGAN, now_sec=NOW)
    assert found["stable"]["brier"].count == 2


def test_cells_that_nobody_can_read_do_no_harm_to_others(place: Place) -> None:
    place.serve(answer("a", "stable", 0.25), answer("b", "stable", 0.25))
    place.drop.mkdir()
    long = "9" * 5000
    text = f"request_id,row,tips,labelled_at\na,{long},1,\na,0,{long},\nb,0,1,{BEGAN + 60}\n"
    (place.drop / "labels-20261121T173000Z-x.csv").write_text(text)
    assert place.look()["stable"]["brier"].count == 1


def test_other_rollouts_times_and_tries_do_not_count(place: Place) -> None:
    place.serve(
        answer("a", "stable", 0.25),
        answer("a", "stable", 0.75),  # tried again
        answer("a", "candidate", 0.75),  # and again
        answer("b", "stable", 0.75, id_="r0"),
        answer("c", "stable", 0.75, at=-10),
    )
    place.label("".join(f"{name},1,{BEGAN + 60}\n" for name in "abc"))
    assert place.look()["stable"]["brier"].mean == pytest.approx(0.0625)
    assert place.look()["stable"]["brier"].count == 1


def test_labels_count_as_the_join_counts_them(place: Place) -> None:
    place.serve(*(answer(name, "stable", 0.25) for name in ("late", "tie", "newest", "later")))
    place.label(
        f"late,1,{BEGAN + 3 * 86_400}\n"
        f"tie,1,{BEGAN + 60}\ntie,3,{BEGAN + 60}\n"
        f"newest,1,{BEGAN + 60}\nnewest,3,{BEGAN + 61}\n"
        f"later,3,{NOW + 60}\n"
    )
    brier = place.look(now_sec=NOW)["stable"]["brier"]
    assert (brier.count, brier.mean) == (1, pytest.approx(0.5625))
    assert place.look(now_sec=NOW + 60.0)["stable"]["brier"].count == 2


def test_looks_take_in_what_is_new(place: Place) -> None:
    seen = ArmMetrics(place.log, place.drop, CONFIG)

    def look(now_sec: float = NOW, rollout_id: str = "r1") -> Any:
        return seen.extract(rollout_id=rollout_id, since_sec=BEGAN, now_sec=now_sec)

    assert look() == {"stable": {}, "candidate": {}}
    place.serve(answer("a", "stable", 0.25))
    assert look()["stable"] == {}
    path = place.label(f"a,1,{BEGAN + 60}\nb,3,{BEGAN + 60}\nc,3,{NOW + 10}\n")
    assert look()["stable"]["brier"].mean == pytest.approx(0.0625)
    shard = place.serve(answer("b", "stable", 0.25), answer("c", "stable", 0.25), at=20)
    assert look()["stable"]["brier"].mean == pytest.approx((0.0625 + 0.5625) / 2)
    shard.unlink()  # what was read is not read again
    assert look(NOW + 10)["stable"]["brier"].count == 3
    path.write_text(f"request_id,tips,labelled_at\na,3,{BEGAN + 60}\n")
    assert look()["stable"]["brier"].mean == pytest.approx(0.5625)
    path.unlink()
    assert look()["stable"] == {}
    assert look(rollout_id="r2") == {"stable": {}, "candidate": {}}


def test_a_half_written_file_counts_when_it_is_whole(place: Place) -> None:
    place.serve(answer("a", "stable", 0.25))
    seen = ArmMetrics(place.log, place.drop, CONFIG)
    path = place.label(f"a,1,{BEGAN + 60}")
    asked: dict[str, Any] = {"rollout_id": "r1", "since_sec": float(BEGAN), "now_sec": float(NOW)}
    assert seen.extract(**asked)["stable"] == {}
    path.write_text(path.read_text() + "\n")
    assert seen.extract(**asked)["stable"]["brier"].count == 1


def test_an_entity_finds_its_label_in_examples(place: Place) -> None:
    skew = dataclasses.replace(CONFIG.skew, identifiers=("company", "trip_start_hour"))
    config = dataclasses.replace(CONFIG, skew=skew)
    one = logs.example(company=b"Blue", trip_start_hour=7, fare=10.0)
    other = logs.example(company=b"Blue", fare=10.0)
    records = [
        logs.record(
            "classify",
            logs.classify([one, other], [0.25, 0.5]),
            "x",
            now=BEGAN + 10,
            rollout=("r1", "candidate"),
        )
    ]
    place.serve(*records)
    place.drop.mkdir()
    text = f"company,trip_start_hour,tips,labelled_at\nBlue,7,1,{BEGAN + 60}\n"
    (place.drop / "labels-20261121T173000Z-x.csv").write_text(text)
    found = arm_metrics(
        place.log, place.drop, config, rollout_id="r1", since_sec=BEGAN, now_sec=NOW
    )
    assert (found["candidate"]["brier"].count, found["candidate"]["brier"].mean) == (1, 0.0625)


def test_without_a_label_function_only_distances_are_told(place: Place) -> None:
    feedback = dataclasses.replace(CONFIG.feedback, label_fn="")
    config = dataclasses.replace(CONFIG, feedback=feedback)
    place.serve(answer("a", "stable", 0.25), answer("a", "shadow", 0.5))
    place.label(f"a,1,{BEGAN + 60}\n")
    found = arm_metrics(
        place.log, place.drop, config, rollout_id="r1", since_sec=BEGAN, now_sec=NOW
    )
    assert list(found["candidate"]) == ["prediction_distance"]
    assert found["stable"] == {}


def test_a_fare_that_is_missing_counts_as_it_does_in_training(place: Place) -> None:
    place.serve(answer("a", "stable", 0.25, fare=math.nan))
    place.label(f"a,0.5,{BEGAN + 60}\n")
    assert place.look()["stable"]["brier"].mean == pytest.approx(0.5625)
