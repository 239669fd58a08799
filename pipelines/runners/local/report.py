"""What a run tells when it has ended, and what it shows while it goes on.

`RunReport` is plain data; showing it is left to `progress`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

from pipelines.runners.local.failures import Failure
from pipelines.runners.local.schedule import NodeState
from pipelines.verdicts import Outcome


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeReport:
    """How one node ended.

    Attributes:
        id: The node's id.
        state: Its state.
        seconds: How long it took, its driver and publisher included.
        rows: How many examples it saw; None where that is not known.
        execution_id: Its execution in ML Metadata, if there is one.
        failure: Why it failed, if it did.
        log_path: Its log file.
        ingests: Whether it makes examples of what comes from outside of the pipeline.
    """

    id: str
    state: NodeState
    seconds: float = 0.0
    rows: int | None = None
    execution_id: int | None = None
    failure: Failure | None = None
    log_path: Path | None = None
    ingests: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """How a run ended.

    Attributes:
        run_id: The run's name in ML Metadata.
        pipeline: The pipeline's name.
        outcome: How it ended, and why.
        nodes: All nodes, in topological order.
        seconds: How long the whole took.
        pushed_to: The folder of the pushed model version, if one was pushed.
        log_root: The folder of the nodes' log files.
    """

    run_id: str
    pipeline: str
    outcome: Outcome
    nodes: tuple[NodeReport, ...]
    seconds: float
    pushed_to: str = ""
    log_root: Path | None = None


class Progress(Protocol):
    """Watches a run; called from the main thread only."""

    def note(self, text: str) -> None:
        """Something worth telling happened outside of the nodes."""

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """The run is about to start its nodes."""

    def update(self, node: NodeReport) -> None:
        """A node changed its state."""

    def tick(self) -> None:
        """Some time has passed."""

    def end(self, report: RunReport) -> None:
        """The run has ended."""


class Silent:
    """A `Progress` that shows nothing."""

    def note(self, text: str) -> None:
        """Does nothing."""

    def begin(self, run_id: str, node_ids: tuple[str, ...]) -> None:
        """Does nothing."""

    def update(self, node: NodeReport) -> None:
        """Does nothing."""

    def tick(self) -> None:
        """Does nothing."""

    def end(self, report: RunReport) -> None:
        """Does nothing."""
