"""What a replay came to, as ML Metadata and the label joins tell it: frozen values.

Everything is read from the workspace after the processes have ended, so that nothing rests on what
the driver believes to have seen.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from components.feedback_join import keys as join_keys
from components.prediction_log_example_gen import keys as log_keys
from pipelines.lineage import keys
from pipelines.lineage.records import History, Run
from pipelines.replay.days import week_of

if TYPE_CHECKING:
    from ml_metadata.metadata_store.metadata_store import MetadataStore

    from pipelines.continuous.ledger import Recorded
    from pipelines.rollout.records import Recorded as RecordedRollouts
    from pipelines.rollout.records import Rollout

FINISHED = (
    keys.RunState.BLESSED,
    keys.RunState.SUCCEEDED,
    keys.RunState.REJECTED,
    keys.RunState.ANOMALIES,
)
_PUSHED_VERSION = "pushed_version"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """A run of the training pipeline.

    Attributes:
        run_id: Its name.
        state: How it ended.
        trigger: What started it.
        because: Why, in words; empty for the first one, which a user starts.
        decision: Id of the loop's decision; empty likewise.
        started_sec: On the simulated clock.
        last_span: The newest week that it was trained on; 0 where it got no further.
        version: That it pushed; 0 where none.
    """

    run_id: str
    state: str
    trigger: str
    because: str
    decision: str
    started_sec: float
    last_span: int = 0
    version: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledOut:
    """A rollout.

    Attributes:
        id: Names it.
        candidate: The version that was tried.
        stable: The one that served.
        origin: Who asked for it.
        outcome: How it stands or ended.
        because: Why.
        opened_sec: On the simulated clock.
        ended_sec: Likewise; None while it runs.
        steps: Shares that it reached, in order.
        first_candidate_sec: When the candidate first answered, on the simulated clock.
        rollback_sec: From then until a guard broke, on the simulated clock.
        rollback_wall_sec: Likewise on the server's own clock.
    """

    id: str
    candidate: int
    stable: int
    origin: str
    outcome: str
    because: str
    opened_sec: float
    ended_sec: float | None
    steps: tuple[float, ...]
    first_candidate_sec: float | None = None
    rollback_sec: float | None = None
    rollback_wall_sec: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alerted:
    """An alert, and how often it went out by the log.

    Attributes:
        kind: What it is about.
        subject: The same for the same thing.
        text: For people.
        raised_sec: On the simulated clock.
    """

    kind: str
    subject: str
    text: str
    raised_sec: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """What became of labels.

    Attributes:
        delivered: How many were dropped.
        due: How many of them belong to windows that were joined.
        windows: How many windows were joined.
        served: Rows that were asked about in them.
        matched: Of these, those whose label was found.
        late: Labels that came too late.
        contradictory: Rows whose labels differ.
        orphan: Labels without a row in the windows that were read.
    """

    delivered: int = 0
    due: int = 0
    windows: int = 0
    served: int = 0
    matched: int = 0
    late: int = 0
    contradictory: int = 0
    orphan: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """All of it.

    Attributes:
        trainings: Runs of the training pipeline, the oldest first.
        decisions: Ids of the loop's decisions, likewise.
        rollouts: The oldest first.
        alerts: Likewise.
        labels: What became of them.
    """

    trainings: tuple[Training, ...]
    decisions: tuple[str, ...]
    rollouts: tuple[RolledOut, ...]
    alerts: tuple[Alerted, ...]
    labels: Labels

    @property
    def retrainings(self) -> tuple[Training, ...]:
        """The finished runs that the loop asked for."""
        return tuple(run for run in self.trainings if run.decision and run.state in FINISHED)

    def repeated_decisions(self) -> tuple[str, ...]:
        """Returns decisions that have more than one finished run; there should be none."""
        counted = Counter(run.decision for run in self.retrainings)
        return tuple(sorted(decision for decision, times in counted.items() if times > 1))

    def repeated_rollouts(self) -> tuple[int, ...]:
        """Returns versions that the loop rolled out more than once; there should be none."""
        counted = Counter(one.candidate for one in self.rollouts)
        return tuple(sorted(version for version, times in counted.items() if times > 1))

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return dataclasses.asdict(self)


def read(store: MetadataStore, name: str, *, delivered: Mapping[int, int]) -> Outcome:
    """Reads what became of a pipeline.

    Args:
        store: ML Metadata.
        name: Of the pipeline.
        delivered: How many labels were dropped, by week.
    """
    from pipelines.continuous import deliveries, ledger
    from pipelines.lineage import graph
    from pipelines.rollout import records

    history = graph.load(store, name)
    recorded = ledger.read(store, name, owner="", is_running=False)
    alerts = [
        Alerted(kind=one.kind, subject=one.subject, text=one.text, raised_sec=one.raised_sec)
        for one in deliveries.posted(store, name)
    ]
    return Outcome(
        trainings=trainings(history, recorded, _because(store, name)),
        decisions=tuple(claim.decision_id for claim in recorded.claims),
        rollouts=rollouts(records.read(store, name)),
        alerts=tuple(alerts),
        labels=_labels(store, f"{name}-feedback", delivered),
    )


def trainings(
    history: History, recorded: Recorded, because: Mapping[str, str]
) -> tuple[Training, ...]:
    """Returns the runs of the training pipeline."""
    decisions = {run.name: run for run in recorded.runs}
    return tuple(
        Training(
            run_id=run.name,
            # What was killed is called interrupted, which is no failure.
            state=decisions[run.name].state if run.name in decisions else run.state,
            trigger=run.trigger,
            because=because.get(run.name, ""),
            decision=decisions[run.name].decision_id if run.name in decisions else "",
            started_sec=run.started,
            last_span=_last_span(history, run),
            version=_version(history, run),
        )
        for run in history.runs
    )


def rollouts(recorded: RecordedRollouts) -> tuple[RolledOut, ...]:
    """Returns the rollouts."""
    return tuple(_rolled_out(one) for one in recorded.rollouts)


def _rolled_out(rollout: Rollout) -> RolledOut:
    last = rollout.actions[-1] if rollout.actions else None
    times = last.times if last else None
    first = times.first_candidate_sec if times else None
    broken = times.broken_sec if times else None
    shares = [action.state.share for action in rollout.actions if not action.state.finished]
    return RolledOut(
        id=rollout.plan.id,
        candidate=rollout.plan.candidate_version,
        stable=rollout.plan.stable_version,
        origin=rollout.origin,
        outcome="superseded" if rollout.superseded else rollout.state.outcome.value,
        because=rollout.state.because,
        opened_sec=rollout.opened_sec,
        ended_sec=last.at_sec if last and rollout.state.finished else None,
        steps=tuple(dict.fromkeys(shares)),
        first_candidate_sec=first,
        rollback_sec=broken - first if broken is not None and first is not None else None,
        rollback_wall_sec=times.wall_sec if times else None,
    )


def _because(store: MetadataStore, name: str) -> dict[str, str]:
    from pipelines.continuous import unique_contexts

    contexts = unique_contexts.of_pipeline(store, keys.RUN_CONTEXT, name)
    return {one.name: unique_contexts.text(one, keys.RUN_BECAUSE) for one in contexts}


def _last_span(history: History, run: Run) -> int:
    spans = [
        span
        for execution in history.executions_in(run.name)
        for artifact in history.linked(execution.outputs, type_name="Examples")
        for span in artifact.spans
    ]
    return max(spans, default=0)


def _version(history: History, run: Run) -> int:
    versions = [
        int(artifact.properties.get(_PUSHED_VERSION) or 0)
        for execution in history.executions_in(run.name)
        if execution.state == "COMPLETE"
        for artifact in history.linked(execution.outputs, type_name="PushedModel")
        if artifact.properties.get("pushed")
    ]
    return max(versions, default=0)


def _labels(store: MetadataStore, pipeline: str, delivered: Mapping[int, int]) -> Labels:
    """Adds up what the joins counted, of each window the last one."""
    from pipelines.lineage import graph

    known = pipeline in graph.pipelines(store)
    examples = graph.load(store, pipeline).of_type("Examples") if known else ()
    joins = {
        int(artifact.properties[log_keys.START]): artifact.properties
        for artifact in examples
        if artifact.split_names == (join_keys.SPLIT,)
    }
    return labels(joins, delivered)


def labels(joins: Mapping[int, Mapping[str, Any]], delivered: Mapping[int, int]) -> Labels:
    """Returns what became of labels.

    Args:
        joins: Counts by when the window begins.
        delivered: Labels by week.
    """

    def total(key: str) -> int:
        return sum(int(one.get(key) or 0) for one in joins.values())

    return Labels(
        delivered=sum(delivered.values()),
        due=sum(delivered.get(week_of(begin_sec), 0) for begin_sec in joins),
        windows=len(joins),
        served=total(join_keys.SERVED),
        matched=total(join_keys.MATCHED),
        late=total(join_keys.LATE),
        contradictory=total(join_keys.CONTRADICTORY),
        orphan=total(join_keys.ORPHAN),
    )


def ordinals(versions: Iterable[int]) -> dict[int, str]:
    """Returns v1, v2, … by version, in their order: numbers differ between two replays."""
    return {version: f"v{place}" for place, version in enumerate(sorted(set(versions)), start=1)}
