"""The loop: one look at everything, and what follows from it.

A look (`Loop.tick`) goes through these steps, in this order:

1. `conduct`: what is being rolled out goes on, or back.
2. `judge`: windows of requests that are over are checked; each verdict is kept once.
3. `alert`: what somebody should know is kept, before a decision takes it along.
4. `decide`: whether to run the pipeline now. The decision is claimed in ML Metadata before the run,
   and the run names it from its first moment on.
5. `run`, or an older version is taken instead; then `conduct` once more, since a run may have asked
   for a rollout.
6. `deliver`: alerts that are due go out.

Nothing that matters is remembered from one look to the next. Whoever is killed
in a step finds, started again, the step before it done and this one open; which is why each step
writes what it did under a name that can be written once.

Every edge is passed in (`Edges`). How long to rest between two looks is for `pipelines.cli.watch`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.config import PipelineConfig
from pipelines.continuous import alerts, deliveries, judging, ledger, verdict_log, windows
from pipelines.continuous.alerts import Alert, Channel
from pipelines.continuous.edges import Edges, Rollouts
from pipelines.continuous.judging import CheckFailedError
from pipelines.continuous.snapshot import PerformanceVerdict, SkewVerdict, Snapshot, Span, Verdict
from pipelines.continuous.triggers import Decision, decide
from pipelines.continuous.windows import Window
from pipelines.errors import BusyError, RingwayError
from pipelines.lineage.keys import RunState
from pipelines.runners.local.report import RunReport

_LOGGER = logging.getLogger(__name__)

# A check that fails so often is given up, so that one bad window does not hold up the others.
_CHECK_ATTEMPTS = 3
_REUSING = ("performance", "drift")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What came of one look.

    Attributes:
        decision: Whether the pipeline was to run, and why.
        run: How its run ended; None where there was none.
        reused: The older version that is rolled out instead; None where none is.
        troubles: What could not be done, in words.
    """

    decision: Decision
    run: RunReport | None = None
    reused: int | None = None
    troubles: tuple[str, ...] = ()

    @property
    def went_well(self) -> bool:
        """Whether everything that was to be done could be."""
        failed = self.run is not None and self.run.outcome.state == RunState.FAILED
        return not self.troubles and not failed


class Loop:
    """Looks, decides and acts, for one pipeline.

    Args:
        config: Of the pipeline; its `data_root` need not be filled.
        edges: By which it touches the world.
        owner: Which watcher this is: the same after a restart, another on another machine.
        channels: By which alerts go out.
    """

    def __init__(
        self, config: PipelineConfig, edges: Edges, *, owner: str, channels: Sequence[Channel]
    ) -> None:
        self._config = config
        self._edges = edges
        self._owner = owner
        self._channels = channels
        self._given_up: frozenset[str] = frozenset()
        self._troubles: list[str] = []
        self._said = ""

    def tick(self) -> Look:
        """Looks once.

        Raises:
            MetadataError: ML Metadata cannot be used; nothing was decided.
            KeyboardInterrupt: The user stopped a run.
        """
        self._troubles = []
        store = self._edges.open_store()
        try:
            look = self._look(store)
        finally:
            # What is to be told goes out whatever else fails.
            self._deliver(store)
        return dataclasses.replace(look, troubles=tuple(self._troubles))

    def _look(self, store: MetadataStore) -> Look:
        rollouts = self._conduct(store)
        self._judge(store)
        snapshot = self._snapshot(store, rollouts)
        self._alert(store, snapshot, rollouts)
        decision = decide(snapshot, self._config.triggers)
        self._tell(decision)
        look = self._act(store, snapshot, decision)
        if decision.run:
            # The alert of a run that was refused, and the rollout of one that was not.
            rollouts = self._conduct(store)
            self._alert(store, self._snapshot(store, rollouts), rollouts)
        return look

    def _conduct(self, store: MetadataStore) -> Rollouts:
        rollouts = self._edges.conduct(store)
        for text in rollouts.happened:
            self._edges.say(text)
        return rollouts

    def _judge(self, store: MetadataStore) -> None:
        first_sec = self._edges.first_request_sec()
        if first_sec is None:
            return
        kept = verdict_log.read(store, self._config.name)
        for kind in self._config.watch.checks:
            if kind == judging.PERFORMANCE and not self._config.feedback.label_fn:
                continue
            judged = {one.window for one in kept if verdict_log.kind_of(one) == kind}
            for window in self._windows(kind, first_sec, judged):
                self._judge_window(store, kind, window)

    def _windows(self, kind: str, first_sec: float, judged: set[str]) -> tuple[Window, ...]:
        watch, feedback = self._config.watch, self._config.feedback
        labels_sec = feedback.max_delay_sec if kind == judging.PERFORMANCE else 0.0
        return windows.to_judge(
            first_sec=first_sec,
            now_sec=self._edges.now(),
            after_sec=watch.settle_sec + labels_sec,
            length_sec=watch.window_sec,
            anchor_sec=watch.window_anchor_sec,
            judged=judged,
        )

    def _judge_window(self, store: MetadataStore, kind: str, window: Window) -> None:
        try:
            found = self._edges.judge(kind, window)
        except BusyError as error:
            self._edges.say(f"waits: {error}")
            return
        except Exception as error:  # noqa: BLE001  (whatever fails here must not hold up the rest)
            why = f"{kind} of {window.name} could not be checked: {_words(error)}"
            self._trouble(why, error)
            failed = verdict_log.count_failure(
                store,
                self._config.name,
                kind,
                window.name,
                why=why,
                token=self._edges.token(),
            )
            if failed < _CHECK_ATTEMPTS:
                return
            found = judging.not_judged(kind, window, why)
        # Skew comes last: where its verdict is kept, that of drift is.
        for one in sorted(found, key=lambda one: verdict_log.kind_of(one.verdict)):
            verdict_log.keep(
                store, self._config.name, one.verdict, report=one.report, token=self._edges.token()
            )
            self._edges.say(_told(one.verdict))

    def _snapshot(self, store: MetadataStore, rollouts: Rollouts) -> Snapshot:
        recorded = ledger.read(
            store,
            self._config.name,
            owner=self._owner,
            is_running=self._edges.run_is_under_way(),
        )
        kept = verdict_log.read(store, self._config.name)
        return recorded.snapshot(
            self._edges.now(),
            self._owner,
            new_spans=self._new_spans(store),
            skew=tuple(one for one in kept if isinstance(one, SkewVerdict)),
            performance=tuple(one for one in kept if isinstance(one, PerformanceVerdict)),
            serving_version=rollouts.serving,
            rollout=rollouts.running,
        )

    def _new_spans(self, store: MetadataStore) -> tuple[Span, ...]:
        try:
            return self._edges.new_spans(store)
        except Exception as error:  # noqa: BLE001  (other reasons to run still count)
            self._trouble(f"the data could not be looked at: {_words(error)}", error)
            return ()

    def _alert(self, store: MetadataStore, snapshot: Snapshot, rollouts: Rollouts) -> None:
        name = self._config.name
        back = [
            alerts.rolled_back(
                name,
                rollout_id=one.rollout_id,
                version=one.version,
                reason=one.reason,
                now_sec=one.at_sec,
            )
            for one in rollouts.rolled_back
        ]
        seen: list[Alert] = [*alerts.seen(snapshot, name, self._config.triggers), *back]
        for alert in seen:
            if deliveries.post(store, alert, token=self._edges.token()):
                self._edges.say(f"alert: {alert.text}")

    def _act(self, store: MetadataStore, snapshot: Snapshot, decision: Decision) -> Look:
        if not decision.run or not self._is_ours(store, snapshot, decision):
            return Look(decision=decision)
        try:
            version = self._older(store, snapshot, decision)
            if version is not None:
                return Look(decision=decision, reused=version)
            report = self._edges.run(decision)
        except BusyError as error:
            self._edges.say(f"waits: {error}")
            return Look(decision=decision)
        except Exception as error:  # noqa: BLE001  (a decision that nobody can carry out must end)
            self._failed(store, snapshot, decision, error)
            return Look(decision=decision)
        self._edges.say(f"run {report.run_id} ended: {report.outcome.state}")
        if report.outcome.state == RunState.CANCELLED:
            raise KeyboardInterrupt
        return Look(decision=decision, run=report)

    def _failed(
        self, store: MetadataStore, snapshot: Snapshot, decision: Decision, error: Exception
    ) -> None:
        """Tells of a decision that could not be carried out, and sees that it counts as a failure.

        Where the runner has recorded how its run ended, that is enough.
        """
        why = _words(error)
        self._trouble(f"the decision could not be carried out: {why}", error)
        name = self._config.name
        runs = ledger.read(store, name, owner=self._owner, is_running=False).runs
        mine = [run for run in runs if run.decision_id == decision.id]
        before = [run for run in snapshot.runs if run.decision_id == decision.id]
        if len(mine) == len(before) or mine[-1].state != RunState.FAILED:
            now_sec = self._edges.now()
            ledger.record_failure(store, name, decision, now_sec=now_sec, reason=why)

    def _is_ours(self, store: MetadataStore, snapshot: Snapshot, decision: Decision) -> bool:
        """Takes a decision, unless it was taken before and only has to be carried out."""
        if decision.resumes:
            return True
        return ledger.claim(
            store,
            self._config.name,
            decision,
            after=ledger.Recorded(claims=snapshot.claims),
            owner=self._owner,
            now_sec=snapshot.now_sec,
            token=self._edges.token(),
        )

    def _older(self, store: MetadataStore, snapshot: Snapshot, decision: Decision) -> int | None:
        """Rolls an older version out, if one is to be taken; returns which.

        A decision whose run had begun is not turned round, and one that was answered so before a
        kill is not asked again.
        """
        began = any(run.decision_id == decision.id for run in snapshot.runs)
        if not self._config.rollout.reuse or decision.trigger not in _REUSING or began:
            return None
        deployed = self._edges.deployed(store, decision)
        if deployed is not None:
            return self._answered(store, decision, deployed, "as was decided before a restart")
        if not snapshot.serving_version:
            return None
        try:
            found = self._edges.reuse(snapshot.serving_version, snapshot.new_spans)
        except BusyError:
            raise
        except RingwayError as error:
            self._trouble(f"older versions could not be looked at: {error}")
            return None
        self._edges.say(f"older versions: {found.because}")
        if found.version is None:
            return None
        self._edges.deploy(store, found.version, decision)
        return self._answered(store, decision, found.version, found.because)

    def _answered(
        self, store: MetadataStore, decision: Decision, version: int, because: str
    ) -> int:
        text = f"version {version} is rolled out again: {because}"
        ledger.answer(store, self._config.name, decision.id, text)
        self._edges.say(text)
        return version

    def _deliver(self, store: MetadataStore) -> None:
        report = deliveries.deliver(
            store,
            self._config.name,
            self._channels,
            clock=self._edges.now,
            token=self._edges.token,
        )
        if report.failed:
            self._trouble(f"{report.failed} alert(s) did not go out; they are tried again")
        for text in report.given_up:
            if text not in self._given_up:
                self._trouble(f"an alert did not go out, and is not tried again: {text}")
        self._given_up = frozenset(report.given_up)

    def _tell(self, decision: Decision) -> None:
        """Says what was decided, where it is something else than the last time."""
        text = f"runs: {decision.because}" if decision.run else f"no run: {decision.because}"
        if text != self._said:
            self._edges.say(text)
        self._said = text

    def _trouble(self, text: str, error: Exception | None = None) -> None:
        _LOGGER.warning("%s", text, exc_info=error)
        self._troubles.append(text)
        self._edges.say(f"trouble: {text}")


def _words(error: Exception) -> str:
    """Returns what is told of an error; a fault of our own is told with its type."""
    expected = isinstance(error, CheckFailedError | RingwayError)
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _told(verdict: Verdict) -> str:
    what = f"{verdict_log.kind_of(verdict)} of {verdict.window}: {verdict.status}"
    return f"{what} ({verdict.cause})" if verdict.cause else what
