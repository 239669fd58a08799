from typing import Any

import pytest
from continuous_snapshots import claim, hour, live, run, snapshot, windows

from pipelines.continuous import alerts
from pipelines.continuous.policy import TriggerPolicy


def seen(**fields: Any) -> list[tuple[str, str]]:
    found = alerts.seen(snapshot(**fields), "flights", TriggerPolicy())
    return [(one.kind, one.subject) for one in found]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"skew": windows("OOO")}, []),
        ({"skew": windows("NNN")}, []),
        # One for a stretch, named by its first window however long it gets.
        ({"skew": windows("OA")}, [("drift", "drift::w2")]),
        ({"skew": windows("OAAAA")}, [("drift", "drift::w2")]),
        ({"skew": windows("OANNA")}, [("drift", "drift::w2")]),
        # It ended, and began anew.
        ({"skew": windows("OAAO")}, []),
        ({"skew": windows("OAAOA")}, [("drift", "drift::w5")]),
        # It goes on after a run that was to answer it: that is news.
        (
            {"skew": windows("AAA"), "claims": (claim(2.5, "drift::w1", "drift::w2"),)},
            [("drift", "drift::w3")],
        ),
        (
            {"skew": windows("A") + windows("A", kind="skew"), "performance": live("D", "3")},
            [("degraded", "performance:3:w1"), ("drift", "drift::w1"), ("skew", "skew::w1")],
        ),
        # Runs that the loop asked for; what somebody runs by hand, they see themselves.
        ({"runs": (run("REJECTED", 1),)}, []),
        (
            {
                "runs": tuple(
                    run(state, n, decision_id="d")
                    for n, state in enumerate(
                        ("BLESSED", "REJECTED", "ANOMALIES", "FAILED", "CANCELLED", "RUNNING")
                    )
                )
            },
            [("rejected", "flights-1"), ("rejected", "flights-2"), ("failed", "flights-3")],
        ),
    ],
)
def test_what_there_is_to_tell(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert seen(**fields) == expected


def test_the_words() -> None:
    [bad] = alerts.seen(snapshot(performance=live("D", "3")), "flights", TriggerPolicy())
    assert bad.text == (
        "flights: performance is degraded of version 3 in window w1: auc 0.61 to 0.64, expected at "
        "least 0.66"
    )
    [drift] = alerts.seen(snapshot(skew=windows("A")), "flights", TriggerPolicy())
    assert drift.text == "flights: drift alarms in window w1: temp"
    refused = run("REJECTED", 1, decision_id="d", trigger="drift", reason="auc: 0.6, bound 0.65")
    [rejected] = alerts.seen(snapshot(runs=(refused,)), "flights", TriggerPolicy())
    assert rejected.text == (
        "flights: run flights-1 (drift) ended as REJECTED: auc: 0.6, bound 0.65"
    )
    back = alerts.rolled_back(
        "flights", rollout_id="r1", version="9", reason="error rate", now_sec=hour(1)
    )
    assert back.text == "flights: version 9 was rolled back: error rate"
    assert back.document() == {
        "id": back.id,
        "pipeline": "flights",
        "kind": "rolled back",
        "subject": "r1",
        "text": back.text,
        "raised": "2013-03-04T01:00:00Z",
    }


def test_the_same_thing_seen_later_is_the_same_alert() -> None:
    [first] = alerts.seen(snapshot(5, skew=windows("A")), "flights", TriggerPolicy())
    [later] = alerts.seen(snapshot(9, skew=windows("AA")), "flights", TriggerPolicy())
    assert first.id == later.id
    [elsewhere] = alerts.seen(snapshot(5, skew=windows("A")), "taxi", TriggerPolicy())
    assert elsewhere.id != first.id


def test_a_decision_whose_runs_were_killed_too_often_is_told() -> None:
    taken = claim(1, "span:11:1")
    killed = [run("INTERRUPTED", 1 + n, decision_id=taken.decision_id) for n in range(3)]

    def told(most: int) -> list[str]:
        policy = TriggerPolicy(max_interruptions=most)
        seen_now = snapshot(5, claims=(taken,), runs=tuple(killed))
        return [one.subject for one in alerts.seen(seen_now, "flights", policy)]

    assert told(4) == []
    assert told(3) == [taken.decision_id]
