from typing import Any

import pytest
from continuous_snapshots import claim, live, run, snapshot, windows

from pipelines.continuous import alarms
from pipelines.continuous.policy import TriggerPolicy


@pytest.mark.parametrize(
    ("letters", "asked", "streak", "ripe"),
    [
        ("", 2, (), False),
        ("O", 2, (), False),
        ("N", 1, (), False),
        ("A", 1, ("w1",), True),
        ("A", 2, ("w1",), False),
        ("AA", 2, ("w1", "w2"), True),
        ("AOA", 2, ("w3",), False),
        ("AAO", 2, (), False),
        # What could not be compared neither counts nor clears.
        ("ANA", 2, ("w1", "w3"), True),
        ("AAN", 2, ("w1", "w2"), True),
        ("ANN", 2, ("w1",), False),
        ("AONA", 2, ("w4",), False),
        ("OAAAA", 3, ("w2", "w3", "w4", "w5"), True),
    ],
)
def test_an_alarm_has_to_stand(
    letters: str, asked: int, streak: tuple[str, ...], ripe: bool
) -> None:
    found = alarms.drift(
        snapshot(skew=tuple(reversed(windows(letters)))), TriggerPolicy(alarm_windows=asked)
    )
    assert (found is None) == (not streak)
    if found is not None:
        assert found.evidence == tuple(f"drift::{window}" for window in streak)
        assert (found.waits_for == "") == ripe


def test_skew_and_drift_stand_each_by_itself() -> None:
    both = windows("A") + windows("A", kind="skew")
    policy = TriggerPolicy(alarm_windows=1)
    for look, evidence in ((alarms.drift, "drift::w1"), (alarms.skew, "skew::w1")):
        found = look(snapshot(skew=both), policy)
        assert found is not None
        assert found.evidence == (evidence,)


def test_degraded_performance_says_how_bad_it_is() -> None:
    found = alarms.performance(snapshot(performance=live("DD", "7")), TriggerPolicy())
    assert found is not None
    assert found.what == (
        "degraded performance in windows w1 to w2: auc 0.61 to 0.64, expected at least 0.66"
    )
    assert found.evidence == ("performance:7:w1", "performance:7:w2")


@pytest.mark.parametrize(
    ("fields", "evidence"),
    [
        # On a version that no longer serves.
        ({"serving_version": "4"}, None),
        ({"serving_version": "3"}, ("performance:3:w1", "performance:3:w2")),
        # A model was trained and blessed since, whoever ran that.
        ({"runs": (run("BLESSED", 3),)}, None),
        ({"runs": (run("BLESSED", 1.5),)}, ("performance:3:w2",)),
        ({"runs": (run("REJECTED", 3),)}, ("performance:3:w1", "performance:3:w2")),
        # Acted on.
        ({"claims": (claim(1.5, "performance:3:w1"),)}, ("performance:3:w2",)),
        ({"claims": (claim(2.5, "performance:3:w1", "performance:3:w2"),)}, None),
    ],
)
def test_which_verdicts_count(fields: dict[str, Any], evidence: tuple[str, ...] | None) -> None:
    found = alarms.performance(snapshot(performance=live("DD", "3"), **fields), TriggerPolicy())
    assert (found.evidence if found else None) == evidence


def test_after_a_run_an_alarm_has_to_stand_anew() -> None:
    acted = claim(2.5, "drift::w1", "drift::w2")
    for letters, ripe in (("AAA", False), ("AAAA", True)):
        found = alarms.drift(snapshot(skew=windows(letters), claims=(acted,)), TriggerPolicy())
        assert found is not None
        assert (found.waits_for == "") == ripe
