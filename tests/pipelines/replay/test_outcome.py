"""What is read of labels and runs, from values made by hand."""

from __future__ import annotations

from pipelines.replay import outcome
from pipelines.replay.days import BEGINS_SEC, DAY_SEC
from pipelines.replay.outcome import Labels


def test_labels_that_are_due_are_those_of_windows_that_were_joined() -> None:
    counts = {"served": 50, "matched": 49, "late": 1, "contradictory": 0, "orphan": 2}
    joins = {BEGINS_SEC + week * 7 * DAY_SEC: counts for week in (4, 5)}  # weeks 5 and 6
    assert outcome.labels(joins, {5: 51, 6: 50, 7: 20}) == Labels(
        delivered=121, due=101, windows=2, served=100, matched=98, late=2, contradictory=0, orphan=4
    )


def test_without_joins_no_label_is_due() -> None:
    assert outcome.labels({}, {5: 51}) == Labels(delivered=51)


def test_versions_are_named_in_their_order() -> None:
    assert outcome.ordinals([30, 10, 20, 10]) == {10: "v1", 20: "v2", 30: "v3"}
