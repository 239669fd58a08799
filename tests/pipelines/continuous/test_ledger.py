"""Decisions in real stores, taken by one watcher, by two, and by one that was killed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys, ledger, unique_contexts
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Request, Snapshot, Span
from pipelines.continuous.triggers import Decision, decide
from pipelines.lineage import graph
from pipelines.lineage import keys as lineage_keys
from pipelines.lineage.store import open_store
from pipelines.runners.local import recovery

REPOSITORY = Path(__file__).resolve().parents[3]
NOW_SEC = 1_362_400_000.0  # 2013-03-04
SPAN = Span(number=12, version=1, rows=100)
POLICY = TriggerPolicy()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'metadata.sqlite'}"


@pytest.fixture
def store(url: str) -> MetadataStore:
    return open_store(url)


def read(store: MetadataStore, owner: str = "a", *, is_running: bool = False) -> ledger.Recorded:
    return ledger.read(store, "flights", owner=owner, is_running=is_running)


def decided_on(recorded: ledger.Recorded, owner: str = "a", now_sec: float = NOW_SEC) -> Decision:
    return decide(recorded.snapshot(now_sec, owner, new_spans=(SPAN,)), POLICY)


def take(
    store: MetadataStore, decision: Decision, after: ledger.Recorded, owner: str = "a"
) -> bool:
    return ledger.claim(
        store,
        "flights",
        decision,
        after=after,
        owner=owner,
        now_sec=NOW_SEC,
        token=uuid.uuid4().hex,
    )


def begin_run(store: MetadataStore, name: str, **values: Any) -> None:
    """Writes what the runner writes when a run begins."""
    type_id = store.put_context_type(proto.ContextType(name=lineage_keys.RUN_CONTEXT))
    context = proto.Context(type_id=type_id, name=name)
    given = {
        lineage_keys.RUN_PIPELINE: "flights",
        lineage_keys.RUN_STATE: "RUNNING",
        lineage_keys.RUN_STARTED: NOW_SEC,
        lineage_keys.RUN_TRIGGER: "new span",
        **values,
    }
    unique_contexts.set_values(context, given)
    store.put_contexts([context])


def end_run(store: MetadataStore, name: str, state: str) -> None:
    run = store.get_context_by_type_and_name(lineage_keys.RUN_CONTEXT, name)
    values: dict[str, Any] = {
        lineage_keys.RUN_STATE: state,
        lineage_keys.RUN_FINISHED: NOW_SEC + 60,
    }
    unique_contexts.update(store, run, values)


def test_an_empty_store_holds_nothing(store: MetadataStore) -> None:
    assert read(store) == ledger.Recorded()


def test_a_decision_is_taken_once_and_read_back(store: MetadataStore, url: str) -> None:
    before = read(store)
    decision = decided_on(before)
    assert take(store, decision, before)
    assert not take(store, decision, before)
    [kept] = read(open_store(url)).claims
    assert (kept.decision_id, kept.trigger, kept.evidence) == (
        decision.id,
        "new span",
        ("span:12:1",),
    )
    assert (kept.because, kept.owner, kept.decided_sec) == (decision.because, "a", NOW_SEC)


def test_of_two_watchers_with_one_snapshot_one_wins_even_with_other_evidence(
    store: MetadataStore,
) -> None:
    before = read(store)
    ours = decided_on(before)
    asked = Request(id="r", asked_sec=NOW_SEC)
    theirs = decide(Snapshot(now_sec=NOW_SEC, owner="b", requests=(asked,)), POLICY)
    assert theirs.run
    assert take(store, theirs, before, "b")
    assert not take(store, ours, before, "a")
    again = decided_on(read(store))
    assert not again.run
    assert "watcher 'b' decided on a run" in again.because


def test_after_a_restart_an_open_decision_is_resumed_and_a_finished_one_is_not(
    store: MetadataStore, url: str
) -> None:
    before = read(store)
    decision = decided_on(before)
    assert take(store, decision, before)
    del store  # killed here

    resumed = decided_on(read(open_store(url)))
    assert (resumed.resumes, resumed.id) == (True, decision.id)
    begin_run(open_store(url), "flights-1", **ledger.run_properties(resumed))
    assert "is under way" in decided_on(read(open_store(url), is_running=True)).because
    # Killed again, in the run: the kernel dropped the lock.
    resumed = decided_on(read(open_store(url), is_running=False))
    assert "run flights-1 was interrupted" in resumed.because
    assert resumed.id == decision.id
    begin_run(open_store(url), "flights-2", **ledger.run_properties(resumed))
    end_run(open_store(url), "flights-2", "BLESSED")
    for hours in (0, 1, 1_000):
        done = decided_on(read(open_store(url)), now_sec=NOW_SEC + 3_600 * hours)
        assert done == Decision(run=False, because="no trigger asks for a run")


def test_of_runs_that_never_ended_only_the_newest_can_be_alive(store: MetadataStore) -> None:
    begin_run(store, "flights-1", **{lineage_keys.RUN_STARTED: NOW_SEC - 10})
    begin_run(store, "flights-2")
    begin_run(store, "taxi-1", **{lineage_keys.RUN_PIPELINE: "taxi"})
    states = [run.state for run in read(store, is_running=True).runs]
    assert states == ["INTERRUPTED", "RUNNING"]
    assert [run.state for run in read(store).runs] == ["INTERRUPTED", "INTERRUPTED"]


def test_a_killed_run_that_the_runner_cleared_up_after_is_interrupted_and_did_not_fail(
    store: MetadataStore,
) -> None:
    type_id = store.put_context_type(proto.ContextType(name="pipeline"))
    store.put_contexts([proto.Context(type_id=type_id, name="flights")])
    before = read(store)
    decision = decided_on(before)
    assert take(store, decision, before)
    begin_run(store, "flights-1", **ledger.run_properties(decision))
    recovery.recover(store, "flights")  # as the next run does first of all; then it is killed too
    [run] = read(store).runs
    assert run.state == "INTERRUPTED"
    assert decided_on(read(store)).resumes
    begin_run(store, "flights-2", **{lineage_keys.RUN_STARTED: NOW_SEC + 1})
    end_run(store, "flights-2", "FAILED")
    assert [run.state for run in read(store).runs] == ["INTERRUPTED", "FAILED"]


def test_a_run_of_another_watcher_is_not_told_by_our_lock(store: MetadataStore) -> None:
    before = read(store, "b")
    decision = decided_on(before, "b")
    assert take(store, decision, before, "b")
    begin_run(store, "flights-1", **ledger.run_properties(decision))
    assert [run.state for run in read(store, "a").runs] == ["RUNNING"]
    assert [run.state for run in read(store, "b").runs] == ["INTERRUPTED"]


def test_decisions_of_two_pipelines_do_not_meet(store: MetadataStore) -> None:
    before = read(store)
    assert take(store, decided_on(before), before)
    assert ledger.claim(
        store,
        "taxi",
        decided_on(before),
        after=before,
        owner="a",
        now_sec=NOW_SEC,
        token="t",
    )
    assert len(read(store).claims) == 1


def test_only_a_new_decision_to_run_can_be_taken(store: MetadataStore) -> None:
    for decision in (
        Decision(run=False, because="no"),
        Decision(run=True, because="", resumes=True),
    ):
        with pytest.raises(ValueError, match="expected a new decision to run"):
            take(store, decision, read(store))


def test_a_run_is_asked_for_once_under_one_id(store: MetadataStore) -> None:
    asked = Request(id="7f", asked_sec=NOW_SEC, by="ann", reason='a "new" feature\n')
    assert ledger.ask(store, "flights", asked, token="1")
    assert not ledger.ask(store, "flights", asked, token="2")
    before = read(store)
    assert before.requests == (asked,)
    decision = decide(before.snapshot(NOW_SEC, "a"), POLICY)
    assert decision.trigger == "on demand"
    assert take(store, decision, before)
    assert decide(read(store).snapshot(NOW_SEC, "a"), POLICY).resumes


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a" * 65])
def test_a_request_needs_a_name(store: MetadataStore, name: str) -> None:
    with pytest.raises(ValueError, match="expected up to 64 letters"):
        ledger.ask(store, "flights", Request(id=name, asked_sec=NOW_SEC), token="1")


def test_lineage_still_reads_the_store_and_a_run_says_why_it_ran(store: MetadataStore) -> None:
    store.put_context_type(proto.ContextType(name="pipeline"))
    store.put_contexts(
        [proto.Context(type_id=store.get_context_type("pipeline").id, name="flights")]
    )
    before = read(store)
    decision = decided_on(before)
    assert take(store, decision, before)
    properties = ledger.run_properties(decision)
    begin_run(store, "flights-1", **properties)
    [run] = graph.load(store, "flights").runs
    assert (run.name, run.trigger) == ("flights-1", "new span")
    assert json.loads(str(properties[keys.EVIDENCE])) == ["span:12:1"]
    assert properties[keys.BECAUSE] == "new span 12 (100 rows)"


def test_much_evidence_is_kept(store: MetadataStore) -> None:
    spans = tuple(Span(number=n, rows=1) for n in range(5_000))
    before = read(store)
    decision = decide(before.snapshot(NOW_SEC, "a", new_spans=spans), POLICY)
    assert take(store, decision, before)
    [kept] = read(store).claims
    assert len(kept.evidence) == 5_000
    [context] = store.get_contexts_by_type(keys.DECISION_TYPE)
    assert max(len(v.string_value) for v in context.custom_properties.values()) == 2_000
    assert kept.decision_id == decision.id


def test_long_words_are_cut_to_what_every_store_takes(store: MetadataStore) -> None:
    asked = Request(id="r", asked_sec=NOW_SEC, by="ann", reason="漢" * 5_000)
    ledger.ask(store, "flights", asked, token="1")
    before = read(store)
    assert take(store, decide(before.snapshot(NOW_SEC, "a"), POLICY), before)
    context = store.get_contexts_by_type(keys.DECISION_TYPE)[0]
    sizes = {k: len(v.string_value.encode()) for k, v in context.custom_properties.items()}
    assert max(sizes.values()) <= 2_000
    assert read(store).claims[0].because.endswith("漢…")


def test_a_lock_is_held_while_its_holder_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not ledger.is_held(path)
    program = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1], 'a+')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert ledger.is_held(path)
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
    assert not ledger.is_held(path)
    with path.open("a+") as file:  # asking left no lock behind
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_two_watchers_at_once_never_take_one_piece_of_evidence_twice(
    url: str, tmp_path: Path
) -> None:
    open_store(url)
    start = tmp_path / "start"
    rounds = 12
    watchers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.continuous_watchers",
                url,
                owner,
                str(start),
                str(rounds),
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for owner in ("a", "b")
    ]
    for watcher in watchers:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
    start.touch()
    taken = [int(watcher.communicate(timeout=100)[0]) for watcher in watchers]
    claims = read(open_store(url)).claims
    assert len(claims) == sum(taken) >= 1
    evidence = Counter(text for claim in claims for text in claim.evidence)
    assert set(evidence.values()) == {1}
