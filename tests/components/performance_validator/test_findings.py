"""Findings as JSON, their order, and what follows from all of them."""

from __future__ import annotations

import pytest

from components.performance_validator.findings import (
    Finding,
    Findings,
    cause_of,
    from_json,
    rank,
    status_of,
    to_json,
)


def verdict(version: str, status: str, rows: int = 1000) -> Finding:
    return Finding(
        version=version,
        value=0.7,
        interval=(0.65, 0.75),
        bound=0.68,
        status=status,
        reason=f"{status} it is",
        rows=rows,
        served=rows,
    )


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], "NOT_COMPARED"),
        ([("1", "OK", 10)], "OK"),
        ([("1", "NOT_COMPARED", 10)], "NOT_COMPARED"),
        ([("1", "OK", 900), ("2", "NOT_COMPARED", 100)], "OK"),
        ([("1", "OK", 100), ("2", "NOT_COMPARED", 900)], "NOT_COMPARED"),
        ([("1", "OK", 500), ("2", "NOT_COMPARED", 500)], "NOT_COMPARED"),
        ([("1", "OK", 900), ("2", "DEGRADED", 10)], "DEGRADED"),
    ],
)
def test_what_follows_from_several_versions(found, status):
    assert status_of([verdict(*one) for one in found]) == status


def test_what_is_only_measured_decides_nothing():
    assert status_of([verdict("1", "OK"), Finding(version="1", rows=10**6)]) == "OK"
    assert status_of([Finding(version="1", rows=10**6)]) == "NOT_COMPARED"


def test_verdicts_come_first_and_slices_by_what_they_lost():
    def on(name: str, high: float) -> Finding:
        return Finding(version="1", slice=name, baseline=0.7, interval=(0.1, high))

    given = [
        on("a", 0.8),
        on("b", 0.5),
        Finding(version="1", slice="no interval", baseline=0.7),
        on("c", 0.6),
        Finding(version="1", metric="calibration"),
        verdict("2", "OK"),
        verdict("1", "OK", 2000),
        verdict("3", "DEGRADED"),
        verdict("4", "NOT_COMPARED"),
    ]
    ranked = rank(given)
    assert [one.version for one in ranked[:4]] == ["3", "4", "1", "2"]
    assert [one.slice for one in ranked[4:]] == ["overall", "b", "c", "a", "no interval"]


def test_the_cause_names_the_version_that_decided():
    ranked = rank([verdict("1", "OK"), verdict("2", "DEGRADED", 10), verdict("3", "DEGRADED", 99)])
    assert cause_of(ranked, "DEGRADED") == "auc of version 3: DEGRADED it is"
    assert cause_of(ranked, "OK") == ""
    assert cause_of([], "NOT_COMPARED") == "nothing was served"


def test_what_decided_is_at_hand():
    ranked = rank([verdict("1", "OK"), verdict("2", "DEGRADED")])
    found = Findings(title="t", status="DEGRADED", findings=ranked)
    assert (found.version, found.metric) == ("2", "auc")
    assert (found.interval, found.bound) == ((0.65, 0.75), 0.68)
    assert list(found.by_version) == ["2", "1"]
    nothing = Findings(title="t", status="NOT_COMPARED", cause="no log")
    assert (nothing.version, nothing.metric) == ("", "")
    assert (nothing.interval, nothing.bound) == (None, None)


def test_json_gives_back_what_was_written():
    found = Findings(
        title="ü",
        status="OK",
        findings=(verdict("1", "OK"), Finding(version="1", slice="origin=EWR", arm="stable")),
        counts={"matched": 3},
        notes=("one", "two"),
    )
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [{}]}'])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="Expected findings of live performance"):
        from_json(text)
