"""What follows from rows that differ."""

from __future__ import annotations

from typing import Any

import pytest

from components.skew_validator import findings
from components.skew_validator.entity_rows import NEVER
from components.skew_validator.feature_findings import counts_of, findings_of, shows
from components.skew_validator.feature_mismatches import Example, Feature, Result, SideRows
from components.skew_validator.findings import Finding, Measure

EXAMPLE = Example(served_sec=1000000, entity="flight=1", training="1.5", serving='"<b>"')


def result(joined: int, features: dict[str, Feature], **sides: SideRows) -> Result:
    given = {
        "training": SideRows(rows=joined, joined=joined),
        "serving": SideRows(rows=joined, joined=joined),
    }
    return Result(identifiers=("flight", "origin"), features=features, **(given | sides))


def judged(joined: int, feature: Feature, allowed: float = 0.0, **terms: Any) -> Finding:
    (found,) = findings_of(result(joined, {"x": feature}), max_mismatch_rate=allowed, **terms)
    return found


@pytest.mark.parametrize(
    ("mismatched", "allowed", "expected"),
    [
        (0, 0.0, findings.OK),
        (1, 0.0, findings.ALARM),
        (7, 0.07, findings.OK),  # 0.07 * 100 is a little above 7
        (8, 0.07, findings.ALARM),
        (29, 0.29, findings.OK),  # 0.29 * 100 is a little below 29
        (30, 0.29, findings.ALARM),
        (100, 1.0, findings.OK),
    ],
)
def test_more_than_allowed_alarms(mismatched: int, allowed: float, expected: str) -> None:
    found = judged(100, Feature(filled=100, differing=mismatched), allowed)
    assert found.status == expected
    assert found.mismatch_rate == mismatched / 100


def test_a_finding_tells_all_that_is_known() -> None:
    feature = Feature(
        filled=2000,
        differing=30,
        only_training=7,
        kinds=(("integer", "float", 1900),),
        first_served_sec=1000000,
        examples=(EXAMPLE,),
    )
    found = judged(2000, feature, 0.001)
    assert found == Finding(
        kind="feature",
        feature="x",
        status="ALARM",
        severity=(37 / 2) ** 0.5,
        reason=(
            "Expected the value of training in 2,000 joined rows (0.1 % may differ), received 30 "
            "with another value, 7 that serving lacks (1.85 %). In 1,900 of them training holds "
            "integer, serving float."
        ),
        remedy=found.remedy,
        measures=(
            Measure(
                distance="mismatch_rate",
                value=0.0185,
                threshold=0.001,
                training=2000,
                serving=2000,
                status="ALARM",
            ),
        ),
        first_seen="1970-01-12T13:46:40Z",
        examples=(("flight=1", "1.5", '"<b>"', "1970-01-12T13:46:40Z"),),
        mismatch_rate=0.0185,
    )
    assert found.remedy


def test_another_type_of_the_same_value_is_told_and_no_alarm() -> None:
    found = judged(50, Feature(filled=50, kinds=(("integer", "float", 50),)))
    assert found.status == findings.OK
    assert "training holds integer, serving float" in found.reason


def test_a_time_that_is_not_known_is_left_out() -> None:
    example = Example(served_sec=NEVER, entity="flight=1", training="1", serving="2")
    found = judged(50, Feature(filled=50, differing=1, examples=(example,)))
    assert found.first_seen == ""
    assert found.examples == (("flight=1", "1", "2", ""),)


@pytest.mark.parametrize(
    ("joined", "allowed", "shift", "expected"),
    [
        # 1 - 0.8 ** n reaches 0.8 between 7 (0.790) and 8 rows (0.832).
        (7, 0.0, 0.2, False),
        (8, 0.0, 0.2, True),
        # One of ten may differ: of ten, two or more do with 1 - 0.7 ** 10 - 10 * 0.3 * 0.7 ** 9
        # = 0.851 where three in ten differ.
        (10, 0.1, 0.2, True),
        (10, 0.1, 0.1, False),
        (1, 0.0, 1.0, True),
    ],
)
def test_silence_needs_rows(joined: int, allowed: float, shift: float, expected: bool) -> None:
    assert shows(joined, allowed, shift, 0.8) is expected
    status = judged(joined, Feature(filled=joined), allowed, detectable_shift=shift).status
    assert status == (findings.OK if expected else findings.NOT_COMPARED)


def test_an_alarm_needs_but_one_row() -> None:
    assert judged(1, Feature(filled=1, differing=1)).status == findings.ALARM


def test_a_feature_that_no_row_has_is_not_compared() -> None:
    found = judged(1000, Feature())
    assert found.status == findings.NOT_COMPARED
    assert found.reason == "Expected a value in at least one of 1,000 joined rows, received none."


def test_an_optional_feature_is_marked() -> None:
    features = {"x": Feature(), "y": Feature()}
    found = findings_of(result(100, features), max_mismatch_rate=0.0, optional={"y"})
    assert [(one.feature, one.optional) for one in found] == [("x", False), ("y", True)]


def test_worst_comes_first() -> None:
    features = {
        "a": Feature(filled=100),
        "b": Feature(filled=100, differing=1),
        "c": Feature(),
        "d": Feature(filled=100, differing=50),
    }
    found = findings_of(result(100, features), max_mismatch_rate=0.0)
    assert [one.feature for one in found] == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
    ("training", "serving", "reason"),
    [
        (
            SideRows(),
            SideRows(rows=9),
            "Expected rows of both sides to join by flight, origin, received none of training.",
        ),
        (
            SideRows(rows=9),
            SideRows(),
            "Expected rows of both sides to join by flight, origin, received none of serving.",
        ),
        (
            SideRows(rows=9),
            SideRows(rows=8, unnamed=8),
            "Expected values of flight, origin to join rows by, received 8 rows of serving that "
            "lack one.",
        ),
        (
            SideRows(rows=9),
            SideRows(rows=8, unnamed=3),
            "Expected rows of both sides with the same flight, origin, received none that could "
            "be joined: 9 without a partner of training, 5 without a partner and 3 without an "
            "identifier of serving.",
        ),
        (
            SideRows(rows=9, ambiguous=9),
            SideRows(rows=8, ambiguous=8),
            "Expected rows of both sides with the same flight, origin, received none that could "
            "be joined: 9 of an entity with different rows of training, 8 of an entity with "
            "different rows of serving.",
        ),
    ],
)
def test_where_nothing_was_joined_it_says_why(
    training: SideRows, serving: SideRows, reason: str
) -> None:
    (found,) = findings_of(
        result(0, {"x": Feature()}, training=training, serving=serving), max_mismatch_rate=1.0
    )
    assert (found.kind, found.feature, found.status) == ("feature", "", findings.NOT_COMPARED)
    assert found.reason == reason
    assert found.remedy


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.5, False), (0.51, True)])
def test_so_many_served_rows_have_to_be_joined(share: float, expected: bool) -> None:
    serving = SideRows(rows=200, joined=100)
    found = findings_of(
        result(100, {"x": Feature(filled=100)}, serving=serving),
        max_mismatch_rate=0.0,
        min_joined_share=share,
    )
    assert (found[0].feature == "") == expected
    if expected:
        assert found[0].status == findings.NOT_COMPARED
        assert "at least 51.0% of the served rows" in found[0].reason
        assert "received 100 of 200" in found[0].reason
        assert not found[0].optional


def test_where_none_has_to_be_joined_it_is_no_objection() -> None:
    sides = {"training": SideRows(rows=9), "serving": SideRows(rows=9)}
    (strict,) = findings_of(
        result(0, {"x": Feature()}, **sides), max_mismatch_rate=0.0, min_joined_share=0.1
    )
    (lenient,) = findings_of(
        result(0, {"x": Feature()}, **sides), max_mismatch_rate=0.0, min_joined_share=0.0
    )
    assert (strict.optional, lenient.optional) == (False, True)


def test_every_row_stands_in_the_counts() -> None:
    sides = {
        "training": SideRows(rows=10, unnamed=1, ambiguous=2, joined=3),
        "serving": SideRows(rows=20, unnamed=2, ambiguous=4, joined=8),
    }
    assert counts_of(result(8, {}, **sides)) == {
        "training rows joined by entity": 3,
        "training rows of an entity the other side lacks": 4,
        "training rows of an ambiguous entity": 2,
        "training rows without an identifier": 1,
        "serving rows joined by entity": 8,
        "serving rows of an entity the other side lacks": 6,
        "serving rows of an ambiguous entity": 4,
        "serving rows without an identifier": 2,
    }
