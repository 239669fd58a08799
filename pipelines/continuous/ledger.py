"""Keeps decisions and requests in ML Metadata, and reads the runs that came of them.

A decision takes the next free number of its pipeline. Two watchers that decide on the same snapshot
ask for the same number, and the store gives it to one; the other reads again and finds the evidence
acted upon. So `claim` comes before the run:

    with lock.exclusive(watch_lock, ...):                        # one watcher on a machine
        recorded = ledger.read(store, name, owner=..., is_running=ledger.is_held(run_lock))
        snapshot = recorded.snapshot(now_sec, owner, ...)
        for alert in alerts.seen(snapshot, name):                # a decision takes them along
            deliveries.post(store, alert, ...)
        decision = decide(snapshot, policy)
        if decision.run and (decision.resumes or ledger.claim(store, name, decision, ...)):
            run(..., properties=ledger.run_properties(decision))

The lock is what makes a resumed decision safe: whoever holds it and finds an open decision of its
own knows that nobody carries it out. Across machines a decision is resumed by its owner only.

A killed run stays RUNNING in ML Metadata until the next run of its pipeline marks it as failed, in
words that are known here: being killed is no failure. Until then it is told by the runner's lock,
which the kernel drops with its holder. Runs that other machines make without the loop can't be told
that way and count as interrupted; that is left to whoever starts them.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys, unique_contexts
from pipelines.continuous.snapshot import INTERRUPTED, Claim, Request, RunRecord, Snapshot
from pipelines.continuous.triggers import Decision
from pipelines.continuous.unique_contexts import number, text
from pipelines.lineage import keys as lineage_keys
from pipelines.lineage.keys import RunState

_KILLED = "the run was killed"  # as pipelines.runners.local.recovery says it
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NUMBER_DIGITS = 6  # so that names sort; larger numbers only sort by what they are


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """What ML Metadata holds about a pipeline, as triggers need it.

    Attributes:
        runs: Its runs in the order in which they began.
        claims: Decisions to run, the oldest first.
        requests: What was asked for.
    """

    runs: tuple[RunRecord, ...] = ()
    claims: tuple[Claim, ...] = ()
    requests: tuple[Request, ...] = ()

    def snapshot(self, now_sec: float, owner: str, **seen: Any) -> Snapshot:
        """Returns a snapshot with this; `seen` are its other fields."""
        return Snapshot(
            now_sec=now_sec,
            owner=owner,
            runs=self.runs,
            claims=self.claims,
            requests=self.requests,
            **seen,
        )


def read(store: MetadataStore, pipeline: str, *, owner: str, is_running: bool) -> Recorded:
    """Returns runs, decisions and requests of a pipeline.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        owner: Which watcher looks.
        is_running: Whether a run of the pipeline is under way on this machine; see `is_held`.
    """
    decisions = unique_contexts.of_pipeline(store, keys.DECISION_TYPE, pipeline)
    claims = tuple(_claim(context) for context in sorted(decisions, key=_number))
    elsewhere = {claim.decision_id for claim in claims if claim.owner != owner}
    contexts = unique_contexts.of_pipeline(store, lineage_keys.RUN_CONTEXT, pipeline)
    # By id: the store counts up, while a clock may be set back or, simulated, stand still.
    runs = [_run(context) for context in sorted(contexts, key=lambda context: context.id)]
    asked = unique_contexts.of_pipeline(store, keys.REQUEST_TYPE, pipeline)
    return Recorded(
        runs=tuple(_living(runs, elsewhere, is_running=is_running)),
        claims=claims,
        requests=tuple(_request(context, pipeline) for context in asked),
    )


def is_held(lock: Path) -> bool:
    """Returns whether a process of this machine holds a lock file, as a run does while it runs."""
    try:
        file = lock.open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            # Shared and for an instant. Whoever wants it then is told that it is busy and, as with
            # any other holder, tries again.
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def claim(
    store: MetadataStore,
    pipeline: str,
    decision: Decision,
    *,
    after: Recorded,
    owner: str,
    now_sec: float,
    token: str,
) -> bool:
    """Takes a decision to run, so that nobody else does.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        decision: A decision to run that resumes nothing.
        after: What it was decided on.
        owner: Which watcher carries it out: the same after a restart, another on another machine.
        now_sec: Seconds since the epoch.
        token: New with every call, such as a UUID.

    Returns:
        Whether it is taken. Else another decision was taken since `after` was read: read again.

    Raises:
        ValueError: The decision is not one to run, or resumes another.
        MetadataError: ML Metadata does not take it.
    """
    if not decision.run or decision.resumes:
        raise ValueError(f"expected a new decision to run, received {decision}")
    return unique_contexts.create(
        store,
        keys.DECISION_TYPE,
        f"{pipeline}/{len(after.claims) + 1:0{_NUMBER_DIGITS}}",
        {
            keys.PIPELINE: pipeline,
            **run_properties(decision),
            keys.TRIGGER: decision.trigger,
            keys.DECIDED: float(now_sec),
            keys.OWNER: owner,
        },
        token=token,
    )


def answer(store: MetadataStore, pipeline: str, decision_id: str, text_: str) -> None:
    """Records that a decision was carried out without a run.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        decision_id: Of a decision that was taken.
        text_: How, in words; not empty.

    Raises:
        ValueError: There is no such decision.
        MetadataError: ML Metadata does not take it.
    """
    for context in unique_contexts.of_pipeline(store, keys.DECISION_TYPE, pipeline):
        if text(context, keys.DECISION_ID) == decision_id:
            unique_contexts.update(store, context, {keys.ANSWER: unique_contexts.cut(text_)})
            return
    raise ValueError(f"expected a decision of {pipeline}, received {decision_id!r}")


def record_failure(
    store: MetadataStore, pipeline: str, decision: Decision, *, now_sec: float, reason: str
) -> None:
    """Records a run that could not begin, as one that failed: it is told and tried again as such.

    Raises:
        MetadataError: ML Metadata does not take it.
    """
    contexts = unique_contexts.of_pipeline(store, lineage_keys.RUN_CONTEXT, pipeline)
    number_ = sum(text(one, keys.DECISION_ID) == decision.id for one in contexts) + 1
    values: dict[str, unique_contexts.Value] = {
        lineage_keys.RUN_PIPELINE: pipeline,
        lineage_keys.RUN_STATE: RunState.FAILED,
        lineage_keys.RUN_REASON: unique_contexts.cut(reason),
        lineage_keys.RUN_STARTED: float(now_sec),
        lineage_keys.RUN_FINISHED: float(now_sec),
        lineage_keys.RUN_TRIGGER: decision.trigger,
        lineage_keys.RUN_NODES: "{}",
        **run_properties(decision),
    }
    name = f"{pipeline}-{decision.id}-{number_}"
    unique_contexts.create(store, lineage_keys.RUN_CONTEXT, name, values, token=name)


def run_properties(decision: Decision) -> dict[str, unique_contexts.Value]:
    """Returns what a run has to record from its first moment on, as custom properties.

    `read` recognizes the run by it. A run that records it later than it begins could be run twice.
    """
    return {
        keys.DECISION_ID: decision.id,
        keys.BECAUSE: unique_contexts.cut(decision.because),
        **unique_contexts.split(keys.EVIDENCE, json.dumps(decision.evidence)),
    }


def ask(store: MetadataStore, pipeline: str, request: Request, *, token: str) -> bool:
    """Records that somebody asks for a run; returns whether it was new under its id.

    Raises:
        ValueError: The id is not of up to 64 letters, digits, dots, dashes and underscores.
        MetadataError: ML Metadata does not take it.
    """
    if not _REQUEST_ID.fullmatch(request.id):
        raise ValueError(
            "a request's id: expected up to 64 letters, digits, dots, dashes and underscores, "
            f"received {request.id!r}"
        )
    values: dict[str, unique_contexts.Value] = {
        keys.PIPELINE: pipeline,
        keys.ASKED: float(request.asked_sec),
        keys.BY: unique_contexts.cut(request.by),
        keys.REASON: unique_contexts.cut(request.reason),
    }
    name = f"{pipeline}/{request.id}"
    return unique_contexts.create(store, keys.REQUEST_TYPE, name, values, token=token)


def _living(
    runs: Collection[RunRecord], elsewhere: Collection[str], *, is_running: bool
) -> Iterator[RunRecord]:
    """Yields runs as they are, those that say RUNNING and are not as interrupted."""
    ours = [r for r in runs if r.state == RunState.RUNNING and r.decision_id not in elsewhere]
    # Of those that say so on this machine only the newest can be: a run takes the lock first.
    alive = ours[-1:] if is_running else []
    for run in runs:
        is_dead = run in ours and run not in alive
        yield dataclasses.replace(run, state=INTERRUPTED) if is_dead else run


def _number(context: proto.Context) -> int:
    return int(context.name.rpartition("/")[2])


def _claim(context: proto.Context) -> Claim:
    return Claim(
        decision_id=text(context, keys.DECISION_ID),
        trigger=text(context, keys.TRIGGER),
        because=text(context, keys.BECAUSE),
        evidence=tuple(json.loads(unique_contexts.joined(context, keys.EVIDENCE) or "[]")),
        decided_sec=number(context, keys.DECIDED) or 0.0,
        owner=text(context, keys.OWNER),
        answer=text(context, keys.ANSWER),
    )


def _run(context: proto.Context) -> RunRecord:
    started_sec = number(context, lineage_keys.RUN_STARTED)
    state = text(context, lineage_keys.RUN_STATE)
    reason = text(context, lineage_keys.RUN_REASON)
    was_killed = state == RunState.FAILED and reason == _KILLED
    return RunRecord(
        name=context.name,
        state=INTERRUPTED if was_killed else state,
        trigger=text(context, lineage_keys.RUN_TRIGGER),
        reason=reason,
        started_sec=context.create_time_since_epoch / 1000 if started_sec is None else started_sec,
        finished_sec=number(context, lineage_keys.RUN_FINISHED),
        decision_id=text(context, keys.DECISION_ID),
    )


def _request(context: proto.Context, pipeline: str) -> Request:
    return Request(
        id=context.name.removeprefix(f"{pipeline}/"),
        asked_sec=number(context, keys.ASKED) or 0.0,
        by=text(context, keys.BY),
        reason=text(context, keys.REASON),
    )
