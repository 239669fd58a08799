"""Decisions as tables: a snapshot, what is decided, and the words for it."""

from typing import Any

import continuous_snapshots as made
import pytest
from continuous_snapshots import claim, hour, live, run, snapshot, windows

from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Claim, Request, RunRecord, Snapshot, Span
from pipelines.continuous.triggers import Decision, decide, decision_id

POLICY = TriggerPolicy(claim_expires_sec=6 * 3_600.0)
SPAN = Span(number=12, version=1, rows=6_100)
ASKED = Request(id="7f", asked_sec=hour(11), by="ann", reason="new feature")


@pytest.mark.parametrize(
    ("fields", "trigger", "evidence"),
    [
        ({"new_spans": (SPAN,)}, "new span", ("span:12:1",)),
        ({"requests": (ASKED,)}, "on demand", ("request:7f",)),
        (
            {"new_spans": (SPAN,), "skew": windows("OAA")},
            "drift",
            ("drift::w2", "drift::w3", "span:12:1"),
        ),
        (
            {"new_spans": (SPAN,), "skew": windows("AA", kind="skew")},
            "skew",
            ("skew::w1", "skew::w2", "span:12:1"),
        ),
        (
            {"new_spans": (SPAN,), "performance": live("OD", "3")},
            "performance",
            ("performance:3:w2", "span:12:1"),
        ),
        # Everything at once: by priority, and all evidence goes along, weak evidence too.
        (
            {
                "new_spans": (SPAN,),
                "performance": live("D"),
                "skew": windows("AA") + windows("A", kind="skew"),
                "requests": (ASKED,),
            },
            "on demand",
            (
                "request:7f",
                "performance::w1",
                "drift::w1",
                "drift::w2",
                "skew::w1",
                "span:12:1",
            ),
        ),
    ],
)
def test_what_makes_a_run(fields: dict[str, Any], trigger: str, evidence: tuple[str, ...]) -> None:
    decided = decide(snapshot(**fields), POLICY)
    assert (decided.run, decided.trigger, decided.evidence) == (True, trigger, evidence)
    assert decided.id == decision_id(reversed(evidence))


@pytest.mark.parametrize(
    ("policy", "fields", "because", "not_before"),
    [
        ({}, {}, "no trigger asks for a run", None),
        (
            {},
            {"new_spans": (SPAN,), "runs": (run("BLESSED", 11, 11.5),)},
            "new span 12 (6,100 rows) waits: cool-down until 2013-03-04T12:30:00Z after run "
            "flights-11",
            12.5,
        ),
        (
            {},
            {"new_spans": (SPAN,), "skew": windows("AA"), "runs": (run("SUCCEEDED", 11.5, 11.75),)},
            "drift alarm on temp in windows w1 to w2 waits: cool-down until 2013-03-04T12:45:00Z",
            12.75,
        ),
        (
            {},
            {"new_spans": (SPAN,), "runs": (run("RUNNING", 11),)},
            "new span 12 (6,100 rows) waits: run flights-11 is under way since "
            "2013-03-04T11:00:00Z",
            None,
        ),
        (
            {},
            {"runs": (run("RUNNING", 11),)},
            "run flights-11 is under way since 2013-03-04T11:00:00Z",
            None,
        ),
        (
            {"runs_per_day": 1},
            {
                "new_spans": (SPAN,),
                "claims": (claim(1, "span:11:1"),),
                "runs": (run("BLESSED", 1, decision_id=decision_id(["span:11:1"])),),
            },
            "new span 12 (6,100 rows) waits: the budget of 1 run(s) a day is spent until "
            "2013-03-05T00:00:00Z",
            24,
        ),
        (
            {},
            {"skew": windows("AA")},
            "drift alarm on temp in windows w1 to w2 waits: 0 new rows since the last training, "
            "expected at least 1",
            None,
        ),
        (
            {"min_new_rows": 10_000},
            {"new_spans": (SPAN,)},
            "new span 12 (6,100 rows) waits: 6,100 new rows since the last training, expected at "
            "least 10,000",
            None,
        ),
        (
            {"new_spans": 2},
            {"new_spans": (SPAN,)},
            "new span 12 (6,100 rows) waits: 1 more of 2 spans",
            None,
        ),
        (
            {"new_spans": 0},
            {"new_spans": (SPAN,), "skew": windows("A")},
            "drift alarm on temp in window w1 waits: 1 of 2 windows in a row so far",
            None,
        ),
        (
            {"alarm_for_sec": 6 * 3600.0, "alarm_windows": 1, "new_spans": 0},
            {"new_spans": (SPAN,), "skew": windows("NNNNNNNNA")},
            "drift alarm on temp in window w9 waits: it has to stand until 2013-03-04T15:00:00Z",
            15,
        ),
        (
            {},
            {"new_spans": (SPAN,), "rollout": "canary of version 7 at 5 %"},
            "new span 12 (6,100 rows) waits: a rollout is under way: canary of version 7 at 5 %",
            None,
        ),
    ],
)
def test_what_holds_a_run_back(
    policy: dict[str, Any], fields: dict[str, Any], because: str, not_before: float | None
) -> None:
    decided = decide(snapshot(**fields), TriggerPolicy(**policy))
    assert not decided.run
    assert decided.because.startswith(because)
    assert decided.not_before_sec == (None if not_before is None else hour(not_before))
    assert (decided.evidence, decided.id) == ((), "")


def test_every_reason_is_named_that_holds_a_run_back() -> None:
    decided = decide(
        snapshot(skew=windows("A"), runs=(run("REJECTED", 11.5, 11.75),), rollout="shadow"), POLICY
    )
    assert decided.because == (
        "drift alarm on temp in window w1 waits: 1 of 2 windows in a row so far; a rollout is "
        "under way: shadow; cool-down until 2013-03-04T12:45:00Z after 1 run(s) in a row without "
        "success, the last flights-11.5; 0 new rows since the last training, expected at least 1"
    )


def test_a_request_waits_for_nothing_but_a_run_under_way_and_the_budget() -> None:
    busy: dict[str, Any] = {
        "requests": (ASKED,),
        "rollout": "canary",
        "runs": (run("FAILED", 11.5, 11.9),),
    }
    decided = decide(snapshot(**busy), POLICY)
    assert decided.run
    assert decided.because == "request 7f by ann (new feature)"
    spent = tuple(claim(n, f"span:{n}:0") for n in range(4))
    runs = tuple(run("BLESSED", n, decision_id=one.decision_id) for n, one in enumerate(spent))
    decided = decide(snapshot(**{**busy, "claims": spent, "runs": runs}), POLICY)
    assert "the budget of 4 run(s) a day is spent" in decided.because


def test_the_budget_is_of_utc_days() -> None:
    spent = tuple(claim(20 + n / 10, f"span:{n}:0") for n in range(4))
    runs = tuple(run("BLESSED", 20.0, decision_id=one.decision_id) for one in spent)
    fields = {"claims": spent, "runs": runs, "new_spans": (SPAN,)}
    assert not decide(snapshot(23.99, **fields), POLICY).run
    assert decide(snapshot(24, **fields), POLICY).run


@pytest.mark.parametrize(
    ("states", "wait_hours"),
    [
        ("B", 1),
        ("F", 1),
        ("FF", 2),
        ("FRA", 4),
        ("FRAF", 8),
        ("FFFFFF", 24),  # 32 hours, bounded by max_cool_down_sec
        ("FFB", 1),
        ("FCF", 2),  # one that was cancelled says nothing
        ("FFI", 2),  # nor does one that was interrupted
    ],
)
def test_the_cool_down_grows_while_nothing_succeeds(states: str, wait_hours: float) -> None:
    names = {
        "B": "BLESSED",
        "F": "FAILED",
        "R": "REJECTED",
        "A": "ANOMALIES",
        "C": "CANCELLED",
        "I": "INTERRUPTED",
    }
    runs = tuple(run(names[letter], n, n + 0.5) for n, letter in enumerate(states))
    end = (runs[-1].last_sec - made.MONDAY_SEC) / made.HOUR
    fields = {"runs": runs, "new_spans": (SPAN,)}
    assert not decide(snapshot(end + wait_hours - 0.001, **fields), POLICY).run
    assert decide(snapshot(end + wait_hours, **fields), POLICY).run


def test_a_cool_down_of_two_hundred_failures_is_finite() -> None:
    runs = tuple(run("FAILED", n / 100) for n in range(2_000))
    assert decide(snapshot(20.5 + 24, runs=runs, new_spans=(SPAN,)), POLICY).run


def test_what_was_acted_on_makes_no_other_run() -> None:
    fields: dict[str, Any] = {
        "new_spans": (SPAN,),
        "skew": windows("AA"),
        "performance": live("D"),
        "requests": (ASKED,),
    }
    first = decide(snapshot(**fields), POLICY)
    done = made.claim(12, *first.evidence)
    ended = run("REJECTED", 12, decision_id=first.id)
    later = decide(snapshot(30, **fields, claims=(done,), runs=(ended,)), POLICY)
    assert later == Decision(run=False, because="no trigger asks for a run")


def test_a_decision_without_a_run_is_resumed_before_anything_else() -> None:
    open_one = claim(11, "span:11:1")
    decided = decide(snapshot(claims=(open_one,), requests=(ASKED,)), POLICY)
    assert decided.resumes
    assert decided.id == open_one.decision_id
    assert decided.evidence == ("span:11:1",)
    assert decided.because == "because of a test (resumed: its run had not begun)"


def test_a_decision_is_not_resumed_while_somebody_runs_the_pipeline_by_hand() -> None:
    decided = decide(
        snapshot(claims=(claim(11, "span:11:1"),), runs=(run("RUNNING", 11.5),)), POLICY
    )
    assert not decided.run
    assert decided.because == "run flights-11.5 is under way since 2013-03-04T11:30:00Z"


@pytest.mark.parametrize("state", ["INTERRUPTED", "CANCELLED"])
def test_a_run_that_was_stopped_is_resumed_at_once_and_at_no_cost(state: str) -> None:
    open_one = claim(11, "span:11:1")
    killed = run(state, 11.9, decision_id=open_one.decision_id)
    decided = decide(snapshot(claims=(open_one,), runs=(killed,)), TriggerPolicy(runs_per_day=1))
    assert (decided.run, decided.resumes, decided.trigger) == (True, True, "new span")
    assert decided.because.endswith(f"(resumed: run flights-11.9 was {state.lower()})")


def test_a_run_that_is_killed_again_and_again_is_given_up_and_retried() -> None:
    open_one = claim(6, "span:11:1")
    killed = tuple(run("INTERRUPTED", 6 + n, decision_id=open_one.decision_id) for n in range(3))
    fields: dict[str, Any] = {"claims": (open_one,), "runs": killed}
    assert decide(snapshot(**fields), TriggerPolicy(max_interruptions=4)).resumes
    decided = decide(snapshot(**fields), TriggerPolicy(max_interruptions=3))
    assert (decided.trigger, decided.resumes) == ("retry", False)
    assert decided.evidence == (f"retry:{open_one.decision_id}:1",)
    assert not decide(snapshot(**fields), TriggerPolicy(max_interruptions=3, retries=0)).run


def test_a_failed_run_is_retried_so_often_and_then_left() -> None:
    policy = TriggerPolicy(retries=2)
    claims: tuple[Claim, ...] = (claim(0, "span:11:1"),)
    runs: tuple[RunRecord, ...] = (
        run("FAILED", 0, decision_id=claims[0].decision_id, reason="Trainer: disk full"),
    )
    assert not decide(snapshot(1.4, claims=claims, runs=runs), policy).run  # cool-down
    first = decide(snapshot(1.5, claims=claims, runs=runs), policy)
    assert first.because == (
        "retry 1 of 2 of flights-0 (new span), which failed: Trainer: disk full"
    )
    claims += (claim(1.5, *first.evidence, trigger="retry"),)
    runs += (run("FAILED", 1.5, decision_id=first.id),)
    second = decide(snapshot(10, claims=claims, runs=runs), policy)
    assert second.because.startswith("retry 2 of 2")
    claims += (claim(10, *second.evidence, trigger="retry"),)
    runs += (run("FAILED", 10, decision_id=second.id),)
    assert not decide(snapshot(40, claims=claims, runs=runs), policy).run


@pytest.mark.parametrize("state", ["BLESSED", "SUCCEEDED", "REJECTED", "ANOMALIES"])
def test_what_ended_of_itself_is_not_retried(state: str) -> None:
    one = claim(0, "span:11:1")
    ended = run(state, 0, decision_id=one.decision_id)
    assert not decide(snapshot(40, claims=(one,), runs=(ended,)), POLICY).run


def test_a_failure_that_a_later_run_answered_is_not_retried() -> None:
    claims = claim(0, "span:11:1"), claim(4, "span:12:1")
    runs = (
        run("FAILED", 0, decision_id=claims[0].decision_id),
        run("BLESSED", 4, decision_id=claims[1].decision_id),
    )
    assert not decide(snapshot(40, claims=claims, runs=runs), POLICY).run


def test_another_watchers_decision_is_waited_for_until_it_expires() -> None:
    other = claim(11, "span:11:1", owner="host-b")
    waiting = decide(snapshot(16.99, claims=(other,), new_spans=(SPAN,)), POLICY)
    assert not waiting.run
    assert "watcher 'host-b' decided on a run at 2013-03-04T11:00:00Z" in waiting.because
    assert waiting.not_before_sec == hour(17)
    taken_over = decide(snapshot(17, claims=(other,)), POLICY)
    assert (taken_over.trigger, taken_over.resumes) == ("retry", False)
    assert taken_over.evidence == (f"retry:{other.decision_id}:1",)


def test_another_watchers_run_is_waited_for_until_it_expires() -> None:
    other = claim(11, "span:11:1", owner="host-b")
    going = run("RUNNING", 11.5, decision_id=other.decision_id)
    fields = {"claims": (other,), "runs": (going,), "new_spans": (SPAN,)}
    assert not decide(snapshot(17.49, **fields), POLICY).run
    assert decide(snapshot(18.6, **fields), POLICY).run


def test_only_the_newest_decision_is_resumed() -> None:
    claims = claim(1, "span:10:0"), claim(2, "span:11:0")
    ended = run("BLESSED", 2, decision_id=claims[1].decision_id)
    assert not decide(snapshot(claims=claims, runs=(ended,)), POLICY).run


def test_a_trigger_that_is_off_sees_nothing() -> None:
    off = TriggerPolicy(
        on_demand=False, performance=False, drift=False, skew=False, new_spans=0, retries=0
    )
    everything: Snapshot = snapshot(
        new_spans=(SPAN,),
        performance=live("DDD"),
        skew=windows("AAA") + windows("AAA", kind="skew"),
        requests=(ASKED,),
    )
    assert decide(everything, off) == Decision(run=False, because="no trigger asks for a run")
