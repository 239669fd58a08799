from typing import Any

import pytest
from continuous_snapshots import claim, run, snapshot

from pipelines.continuous import schedule
from pipelines.continuous.policy import TriggerPolicy

NIGHTLY = TriggerPolicy(schedule="0 2 * * *")
MONDAY, TUESDAY = "schedule:2013-03-04T02:00:00Z", "schedule:2013-03-05T02:00:00Z"


@pytest.mark.parametrize(
    ("now", "fields", "evidence"),
    [
        # Before anything ever ran, the last moment that passed is made up for.
        (1, {}, "schedule:2013-03-03T02:00:00Z"),
        (2, {}, MONDAY),
        (25.9, {}, MONDAY),
        (26, {}, TUESDAY),
        # Answered by a decision, whether or not it has run yet.
        (3, {"claims": (claim(2, MONDAY),)}, None),
        (26, {"claims": (claim(2, MONDAY),)}, TUESDAY),
        # Two nights passed while nothing could run: one run for both.
        (27, {"claims": (claim(-22, "schedule:2013-03-03T02:00:00Z"),)}, TUESDAY),
        # The clock was set back behind what was acted on.
        (12, {"claims": (claim(26, TUESDAY),)}, None),
        # Somebody ran it by hand since.
        (12, {"runs": (run("BLESSED", 3),)}, None),
        (12, {"runs": (run("REJECTED", 2),)}, None),
        (12, {"runs": (run("BLESSED", 1.9, 2.4),)}, MONDAY),
        (12, {"runs": (run("FAILED", 3),)}, MONDAY),
        (12, {"runs": (run("CANCELLED", 3),)}, MONDAY),
        # The loop's own runs answer what their decision took along: here it did not.
        (12, {"runs": (run("BLESSED", 2, decision_id="d"),)}, MONDAY),
    ],
)
def test_which_moment_is_due(now: float, fields: dict[str, Any], evidence: str | None) -> None:
    found = schedule.look(snapshot(now, **fields), NIGHTLY)
    assert (found.evidence if found else None) == (None if evidence is None else (evidence,))


def test_there_is_none_without_an_expression() -> None:
    assert schedule.look(snapshot(), TriggerPolicy()) is None


def test_the_zone_is_said() -> None:
    policy = TriggerPolicy(schedule="0 2 * * 1", time_zone="America/New_York")
    found = schedule.look(snapshot(7), policy)  # two o'clock in New York is seven in UTC
    assert found is not None
    assert found.what == "schedule '0 2 * * 1' (America/New_York) at 2013-03-04T07:00:00Z"
