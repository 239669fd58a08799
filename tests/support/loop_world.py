"""A scripted world for the loop, on real ML Metadata: days pass, spans come, windows alarm.

Every touch of the world is counted, and one of them can be the last: then the process is as good as
killed, and a new loop goes on with what ML Metadata holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines import config
from pipelines.config import PipelineConfig
from pipelines.continuous import ledger, unique_contexts
from pipelines.continuous.alert_log import AlertLog
from pipelines.continuous.edges import Reuse, RolledBack, Rollouts
from pipelines.continuous.judging import CheckFailedError, Judged
from pipelines.continuous.loop import Look, Loop
from pipelines.continuous.snapshot import PerformanceVerdict, SkewVerdict, Span, Verdict
from pipelines.continuous.triggers import Decision
from pipelines.continuous.windows import Window
from pipelines.lineage import keys
from pipelines.lineage.store import open_store
from pipelines.runners.local.report import RunReport
from pipelines.verdicts import Outcome

DAY = 86_400.0
START_SEC = 1_362_355_200.0  # 2013-03-04T00:00:00Z


class KilledError(BaseException):
    """The process is gone: nothing catches it."""


@dataclasses.dataclass
class World:
    """What the loop can see and do; also its `Edges`.

    Attributes:
        folder: Holds ML Metadata and the file of alerts.
        spans: Number of spans that have come.
        day: Days since the start.
        verdicts: By kind and name of a window; what is missing is OK.
        unjudgeable: Kinds whose check fails.
        run_states: How runs end, one after the other; then they are blessed.
        reusable: The older version that does better; None for none.
        rolled_back: Rollouts that were.
        lives: Touches of the world until it kills the loop; None for no kill.
        unable: Why no run can begin.
        failing_look: Whether rollouts cannot be looked at.
    """

    folder: Path
    spans: int = 1
    day: float = 0.0
    verdicts: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    unjudgeable: set[str] = dataclasses.field(default_factory=set)
    run_states: list[str] = dataclasses.field(default_factory=list)
    reusable: int | None = None
    rolled_back: tuple[RolledBack, ...] = ()
    lives: int | None = None
    unable: Exception | None = None
    failing_look: bool = False
    said: list[str] = dataclasses.field(default_factory=list)
    rollouts: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    touches: int = 0

    def loop(self, **changes: Any) -> Loop:
        """Returns a loop that has just been started."""
        base = config.named("flights")
        watch = dataclasses.replace(base.watch, window_sec=int(DAY), settle_sec=0.0)
        feedback = dataclasses.replace(
            base.feedback, label_fn="pipelines.flights.labels.late", max_delay_sec=0.0
        )
        changed: PipelineConfig = dataclasses.replace(
            base, watch=watch, feedback=feedback, **changes
        )
        log = AlertLog(path=self.folder / "alerts.jsonl")
        return Loop(changed, self, owner="us", channels=[log])

    def look(self, **changes: Any) -> Look:
        """Lets a loop that has just been started look once."""
        return self.loop(**changes).tick()

    def open_store(self) -> MetadataStore:
        self._touch()
        return open_store(f"sqlite:///{self.folder / 'metadata.sqlite'}")

    def now(self) -> float:
        return START_SEC + self.day * DAY

    def token(self) -> str:
        self._touch()  # asked for just before something is written
        return f"token-{self.touches}"

    def say(self, text: str) -> None:
        self.said.append(text)

    def conduct(self, store: MetadataStore) -> Rollouts:
        self._touch()
        if self.failing_look:
            raise OSError("no space left on device")
        return Rollouts(serving="1", rolled_back=self.rolled_back)

    def first_request_sec(self) -> float | None:
        return START_SEC

    def judge(self, kind: str, window: Window) -> Sequence[Judged]:
        self._touch()
        if kind in self.unjudgeable:
            raise CheckFailedError("the disk is full")
        return [Judged(verdict=verdict) for verdict in self._verdicts(kind, window)]

    def new_spans(self, store: MetadataStore) -> tuple[Span, ...]:
        trained = sum(run.state == "BLESSED" for run in self.recorded().runs)
        return tuple(Span(number=number, rows=10) for number in range(trained, self.spans))

    def run_is_under_way(self) -> bool:
        return False

    def run(self, decision: Decision) -> RunReport:
        if self.unable is not None:
            raise self.unable
        store = open_store(f"sqlite:///{self.folder / 'metadata.sqlite'}")
        number = len(store.get_contexts_by_type(keys.RUN_CONTEXT)) if self.recorded().runs else 0
        ended = sum(run.state != "INTERRUPTED" for run in self.recorded().runs)
        state = self.run_states[ended] if ended < len(self.run_states) else "BLESSED"
        name = f"flights-{number}"
        self._touch()
        type_id = store.put_context_type(proto.ContextType(name=keys.RUN_CONTEXT))
        context = proto.Context(type_id=type_id, name=name)
        opening: dict[str, Any] = {
            keys.RUN_PIPELINE: "flights",
            keys.RUN_STATE: "RUNNING",
            keys.RUN_STARTED: self.now(),
            keys.RUN_TRIGGER: decision.trigger,
            **ledger.run_properties(decision),
        }
        unique_contexts.set_values(context, opening)
        store.put_contexts([context])
        self._touch()
        context = store.get_context_by_type_and_name(keys.RUN_CONTEXT, name)
        ending: dict[str, Any] = {keys.RUN_STATE: state, keys.RUN_FINISHED: self.now() + 60}
        unique_contexts.update(store, context, ending)
        self._touch()
        return RunReport(
            run_id=name, pipeline="flights", outcome=Outcome(state=state), nodes=(), seconds=60
        )

    def reuse(self, serving: str, spans: Iterable[Span]) -> Reuse:
        self._touch()
        return Reuse(version=self.reusable, because="it does better")

    def deployed(self, store: MetadataStore, decision: Decision) -> int | None:
        self._touch()
        return next((version for version, asked in self.rollouts if asked == decision.id), None)

    def deploy(self, store: MetadataStore, version: int, decision: Decision) -> None:
        self._touch()
        self.rollouts.append((version, decision.id))
        self._touch()

    def recorded(self) -> ledger.Recorded:
        """Returns what ML Metadata holds."""
        store = open_store(f"sqlite:///{self.folder / 'metadata.sqlite'}")
        return ledger.read(store, "flights", owner="us", is_running=False)

    def _verdicts(self, kind: str, window: Window) -> list[Verdict]:
        def status(of: str) -> Any:
            return self.verdicts.get((of, window.name), "OK")

        ended = {"window": window.name, "ended_sec": float(window.end_sec), "model_version": "1"}
        if kind == "performance":
            return [PerformanceVerdict(status=status(kind), metric="auc", **ended)]  # type: ignore[arg-type]
        return [
            SkewVerdict(kind="skew", status=status("skew"), **ended),  # type: ignore[arg-type]
            SkewVerdict(kind="drift", status=status("drift"), **ended),  # type: ignore[arg-type]
        ]

    def _touch(self) -> None:
        self.touches += 1
        if self.lives is not None and self.touches > self.lives:
            raise KilledError
