"""Files joined row by row, with TFDV's own detector as reference."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
import skew_rows
from apache_beam.testing.util import assert_that
from tensorflow.core.example import example_pb2
from tensorflow_data_validation.skew import feature_skew_detector as detector

from components.skew_validator import findings
from components.skew_validator.entity_rows import SERVING_LIMIT
from components.skew_validator.feature_mismatches import Result, SideRows
from components.skew_validator.feature_skew import Join, findings_of, run

Row = dict[str, Any]

START = 1_700_000_000


def pipeline() -> Any:
    return beam.Pipeline(argv=["--runner=DirectRunner"])


def compare(root: Path, training: list[Row], serving: list[Row], **join: Any) -> Result:
    training_file = skew_rows.write(root / "training.gz", training)
    serving_file = skew_rows.write(root / "serving.gz", serving)
    return run(
        pipeline,
        [training_file],
        [serving_file],
        Join(**{"identifiers": ("flight", "origin")} | join),
        result_path=str(root / "result.json"),
    )


def flight(number: int, **changes: Any) -> Row:
    """Returns a row whose every value follows from its number."""
    origin = ("EWR", "JFK", "LGA")[number % 3]
    made = {
        "flight": number // 3,
        "origin": origin,
        "temp": 20.0 + number / 7,
        "seats": 50 + number,
        "carrier": ("AA", "UA", "DL", "B6")[number % 4],
        "wind": None if number % 5 == 0 else number / 3,
    }
    return made | changes


def served(number: int, **changes: Any) -> Row:
    extra = {"ringway_served_at": START + number, "ringway_prediction": 0.5}
    return flight(number, **extra) | changes


def test_a_column_in_the_wrong_rows_is_found_though_its_distribution_is_the_same(
    tmp_path: Path,
) -> None:
    numbers = list(range(60))
    shuffled = random.Random(3).sample(numbers, len(numbers))
    expected = sum(a != b for a, b in zip(numbers, shuffled, strict=True))
    assert expected > 50
    result = compare(
        tmp_path,
        [flight(n, late=n % 2) for n in numbers],
        [served(n, seats=50 + other) for n, other in zip(numbers, shuffled, strict=True)],
        ignored=("late",),
    )
    assert result.serving == result.training == SideRows(rows=60, joined=60)
    found = {one.feature: one for one in findings_of(result, max_mismatch_rate=0.0)}
    assert found.keys() == {"carrier", "seats", "temp", "wind"}
    assert [name for name, one in found.items() if one.status == findings.ALARM] == ["seats"]
    assert found["seats"].mismatch_rate == expected / 60
    first = next(n for n in numbers if shuffled[n] != n)
    assert found["seats"].examples[0][:3] == (
        f'flight={first // 3}, origin="{flight(first)["origin"]}"',
        str(50 + first),
        str(50 + shuffled[first]),
    )
    assert all(one.status == findings.OK for name, one in found.items() if name != "seats")


def test_values_not_types_are_compared(tmp_path: Path) -> None:
    result = compare(
        tmp_path,
        [flight(n) for n in range(30)],
        [
            served(n, seats=float(50 + n), temp=(20.0 + n / 7) * (1 + 3e-7), flight=float(n // 3))
            for n in range(30)
        ],
    )
    assert result.serving.joined == 30
    assert not any(feature.mismatched for feature in result.features.values())
    assert result.features["seats"].kinds == (("integer", "float", 30),)


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    training = [flight(n) for n in range(10)]
    training += [flight(1), flight(2, seats=1)]  # one repeated, one that contradicts
    training += [flight(50, origin=None), flight(51)]
    serving = [served(n) for n in (0, 1, 1, 2, 2, 3)]
    serving += [served(3, seats=9, ringway_served_at=START - 5), served(60), served(4, flight=None)]
    result = compare(tmp_path, training, serving)
    # Joined are flights 0, 1 (twice on either side) and 3; number 2 is ambiguous.
    assert result.training == SideRows(rows=14, unnamed=1, ambiguous=2, joined=4)
    assert result.serving == SideRows(rows=9, unnamed=1, ambiguous=2, joined=5)
    assert (result.training.alone, result.serving.alone) == (7, 1)
    assert result.features["seats"].mismatched == 1
    assert result.features["seats"].first_served_sec == START - 5


def test_entities_of_which_nothing_is_kept_are_all_counted(tmp_path: Path) -> None:
    training = [flight(n, seats=seats) for n in range(3) for seats in (1, 2)]
    serving = [served(n, seats=seats) for n in range(3) for seats in range(SERVING_LIMIT + 1)]
    result = compare(tmp_path, training, serving)
    assert result.training == SideRows(rows=6, ambiguous=6)
    assert result.serving == SideRows(rows=303, ambiguous=303)
    (found,) = findings_of(result, max_mismatch_rate=0.0)
    assert found.status == findings.NOT_COMPARED


@pytest.mark.parametrize("empty", ["training", "serving", "both"])
def test_an_empty_side_is_not_compared(tmp_path: Path, empty: str) -> None:
    training = [] if empty != "serving" else [flight(1)]
    serving = [] if empty != "training" else [served(1)]
    (found,) = findings_of(compare(tmp_path, training, serving), max_mismatch_rate=1.0)
    assert found.status == findings.NOT_COMPARED
    assert "received none of" in found.reason


def test_no_files_are_no_rows(tmp_path: Path) -> None:
    join = Join(identifiers=("flight",), features=("temp",))
    result = run(pipeline, [], [], join, result_path=str(tmp_path / "result.json"))
    assert result.serving == SideRows()


def test_patterns_name_files(tmp_path: Path) -> None:
    for side, make in (("training", flight), ("serving", served)):
        (tmp_path / side).mkdir()
        for part in range(2):
            rows = [make(n) for n in range(part * 6, part * 6 + 6)]
            skew_rows.write(tmp_path / side / f"part-{part}.gz", rows)
    result = run(
        pipeline,
        [str(tmp_path / "training" / "*")],
        [str(tmp_path / "serving" / "*")],
        Join(identifiers=("flight", "origin")),
        result_path=str(tmp_path / "result.json"),
    )
    assert result.serving == SideRows(rows=12, joined=12)


def test_without_tolerance_it_counts_as_the_detector_does(tmp_path: Path) -> None:
    chance = random.Random(5)
    training = [flight(n) for n in range(80)]
    serving = [
        flight(
            n,
            seats=50 + n + chance.choice((0, 0, 1)),
            temp=chance.choice((20.0 + n / 7, 0.0)),
            wind=chance.choice((None, n / 3)),
        )
        for n in range(40, 120)
    ]
    ours = compare(tmp_path, training, serving, tolerance=0.0)

    def check(found: list[Any]) -> None:
        theirs = {
            one.feature_name: (one.mismatch_count, one.base_only, one.test_only) for one in found
        }
        assert theirs == {
            name: (one.differing, one.only_training, one.only_serving)
            for name, one in ours.features.items()
        }

    def check_joined(found: list[Any]) -> None:
        assert [one.matching_pairs_count for one in found] == [ours.serving.joined]

    with pipeline() as reference:
        sides = tuple(
            reference
            | name
            >> beam.Create([example_pb2.Example.FromString(skew_rows.row(**r)) for r in rows])
            for name, rows in (("training", training), ("serving", serving))
        )
        found = sides | detector.DetectFeatureSkewImpl(["flight", "origin"])
        assert_that(
            found[detector.SKEW_RESULTS_KEY], lambda seen: check(list(seen)), label="features"
        )
        assert_that(
            found[detector.MATCH_STATS_KEY], lambda seen: check_joined(list(seen)), label="joined"
        )
    assert ours.features["wind"].only_training
    assert ours.features["wind"].only_serving


@pytest.mark.parametrize(
    "wrong",
    [{"identifiers": ()}, {"identifiers": ("a", "a")}, {"tolerance": -0.1}, {"max_examples": -1}],
)
def test_a_join_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Join(**{"identifiers": ("flight",)} | wrong)
