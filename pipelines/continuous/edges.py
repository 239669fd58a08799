"""All by which the loop touches the world, as a protocol, and the values that come from there.

`local_edges` is the world as it is on this machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Protocol

from ml_metadata.metadata_store.metadata_store import MetadataStore

from pipelines.continuous.judging import Judged
from pipelines.continuous.snapshot import Span
from pipelines.continuous.triggers import Decision
from pipelines.continuous.windows import Window
from pipelines.runners.local.report import RunReport


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledBack:
    """A rollout that ended in a rollback."""

    rollout_id: str
    version: str
    reason: str
    at_sec: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollouts:
    """How rollouts stand.

    Attributes:
        running: What is being rolled out, in words; empty where nothing is.
        serving: The version that answers, or did before the rollout; empty where none does.
        happened: What was done now, in words.
        rolled_back: All that ever were.
    """

    running: str = ""
    serving: str = ""
    happened: tuple[str, ...] = ()
    rolled_back: tuple[RolledBack, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reuse:
    """Whether an older version is taken instead of a new one being trained."""

    version: int | None
    because: str


class Edges(Protocol):
    """All by which the loop touches the world."""

    def open_store(self) -> MetadataStore:
        """Opens ML Metadata."""

    def now(self) -> float:
        """Returns the time, seconds since the epoch."""

    def token(self) -> str:
        """Returns a text that is new with every call."""

    def say(self, text: str) -> None:
        """Tells the user something."""

    def conduct(self, store: MetadataStore) -> Rollouts:
        """Lets rollouts go on, and returns how they stand."""

    def first_request_sec(self) -> float | None:
        """Returns when the oldest request of the log came; None without any."""

    def judge(self, kind: str, window: Window) -> Sequence[Judged]:
        """Checks a window; `CheckFailedError` or `RingwayError` where that cannot be done."""

    def new_spans(self, store: MetadataStore) -> tuple[Span, ...]:
        """Returns the spans that no training has read."""

    def run_is_under_way(self) -> bool:
        """Returns whether a run of the pipeline is at work on this machine."""

    def run(self, decision: Decision) -> RunReport:
        """Runs the pipeline; `RingwayError` where it breaks down."""

    def reuse(self, serving: str, spans: Iterable[Span]) -> Reuse:
        """Chooses an older version, if one does better on the newest data."""

    def deployed(self, store: MetadataStore, decision: Decision) -> int | None:
        """Returns the older version whose rollout a decision asked for, if it did."""

    def deploy(self, store: MetadataStore, version: int, decision: Decision) -> None:
        """Asks for the rollout of an older version, once for each decision."""
