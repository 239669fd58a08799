"""A loop in a process of its own, for tests that kill it: decides, runs, and tells of refused runs.

Arguments: a folder, and how many spans come in all. The next span comes when the last was run. A
run takes a lock, says RUNNING, works for a moment, and is BLESSED or, for odd spans, REJECTED. The
loop ends when all spans were run and all alerts are out.
"""

from __future__ import annotations

import fcntl
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import alerts, deliveries, ledger, unique_contexts
from pipelines.continuous.alert_log import AlertLog
from pipelines.continuous.attempts import Patience
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Snapshot, Span, Standing
from pipelines.continuous.triggers import Decision, decide
from pipelines.lineage import keys
from pipelines.lineage.store import open_store

POLICY = TriggerPolicy(cool_down_sec=60, failed_cool_down_sec=60, max_interruptions=1_000)
START_SEC, STEP_SEC = 1_000_000.0, 86_400.0


def token() -> str:
    """Returns a text that is new with every call."""
    return uuid.uuid4().hex


def look(store: MetadataStore, folder: Path) -> Snapshot:
    """Returns what there is to see; the clock moves on with what was done."""
    is_running = ledger.is_held(folder / "lock")
    seen = ledger.read(store, "flights", owner="us", is_running=is_running)
    plain = seen.snapshot(START_SEC, "us")
    done = sum(plain.standing(claim) is Standing.DONE for claim in seen.claims)
    spans = tuple(Span(number=number, rows=1) for number in range(done + 1))
    return seen.snapshot(START_SEC + STEP_SEC * done, "us", new_spans=spans)


def run(store: MetadataStore, folder: Path, decision: Decision, now_sec: float) -> None:
    """Does what a runner does: takes the lock, begins, works, ends."""
    with (folder / "lock").open("a+") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        type_id = store.put_context_type(proto.ContextType(name=keys.RUN_CONTEXT))
        context = proto.Context(type_id=type_id, name=f"flights-{token()}")
        values: dict[str, Any] = {
            keys.RUN_PIPELINE: "flights",
            keys.RUN_STATE: "RUNNING",
            keys.RUN_STARTED: now_sec,
            **ledger.run_properties(decision),
        }
        unique_contexts.set_values(context, values)
        store.put_contexts([context])
        time.sleep(0.05)
        [context] = [
            one for one in store.get_contexts_by_type(keys.RUN_CONTEXT) if one.name == context.name
        ]
        is_odd = int(decision.evidence[0].split(":")[1]) % 2
        ending = {
            keys.RUN_STATE: "REJECTED" if is_odd else "BLESSED",
            keys.RUN_FINISHED: now_sec + 1,
        }
        unique_contexts.update(store, context, ending)


def tick(store: MetadataStore, folder: Path, spans: int) -> bool:
    """Looks, tells, decides and runs once; returns whether there is more to come."""
    snapshot = look(store, folder)
    for alert in alerts.seen(snapshot, "flights", POLICY):
        deliveries.post(store, alert, token=token())
    report = deliveries.deliver(
        store,
        "flights",
        [AlertLog(path=folder / "alerts.jsonl")],
        clock=lambda: snapshot.now_sec,
        token=token,
        patience=Patience(in_doubt_after_sec=0, max_age_sec=1e9),
    )
    if len(snapshot.new_spans) > spans:
        return bool(report.waiting)
    decision = decide(snapshot, POLICY)
    is_taken = decision.resumes or (
        decision.run
        and ledger.claim(
            store,
            "flights",
            decision,
            after=ledger.Recorded(claims=snapshot.claims),
            owner="us",
            now_sec=snapshot.now_sec,
            token=token(),
        )
    )
    if is_taken:
        run(store, folder, decision, snapshot.now_sec)
    return True


def main(folder: Path, spans: int) -> None:
    """Runs until everything is done."""
    store = open_store(f"sqlite:///{folder / 'metadata.sqlite'}")
    print("ready", flush=True)
    while tick(store, folder, spans):
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
