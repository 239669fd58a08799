"""What the verbs of `ringway rollout` do to a pipeline's rollouts, and what they say of it."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines import config as configuration
from pipelines.config import PipelineConfig
from pipelines.config_parts import RolloutConfig
from pipelines.errors import UsageError
from pipelines.workspace import Workspace
from serving import clock as clocks
from serving.rollout.snapshot import Wish

if TYPE_CHECKING:
    from pipelines.rollout.conduct import Conducted, Conductor
    from pipelines.rollout.starting import Model

ROLLED_BACK_CODE = 4
_TICK_SEC = 0.5


class Desk:
    """A pipeline in its workspace, as the verbs need it.

    Args:
        name: The pipeline's.
        config_file: TOML file of settings.
        settings: Of `--set`.
    """

    def __init__(
        self, name: str, config_file: Path | None = None, settings: Sequence[str] = ()
    ) -> None:
        self.workspace = Workspace.from_environment(os.environ)
        self.config: PipelineConfig = configuration.load(
            configuration.named(name), config_file, settings
        )
        self.clock = clocks.from_environment(os.environ)
        self._opened: Any = None

    @property
    def model(self) -> Model:
        """Where its versions and rollouts are."""
        from pipelines.rollout.starting import Model

        return Model(
            name=self.config.name,
            versions=self.workspace.model_root(self.config.name),
            folder=self.workspace.rollout_root(self.config.name),
        )

    def store(self, *, read_only: bool = False) -> Any:
        """Returns ML Metadata, opened once."""
        from pipelines.lineage.store import open_store

        if self._opened is None:
            self._opened = open_store(self.workspace.metadata_url, read_only=read_only)
        return self._opened

    def document(self) -> dict[str, Any]:
        """Returns how things stand."""
        from pipelines.rollout import live, records, standing
        from serving.rollout import order, report

        model = self.model
        return standing.document(
            model.name,
            records.read(self.store(read_only=True), model.name),
            order.read(model.folder),
            report.read_all(model.folder),
            now_sec=self.clock(),
            metrics=live.metrics(self.config, self.workspace, self.clock),
        )

    def is_running(self) -> bool:
        """Returns whether a rollout runs; one that waits is opened first."""
        from pipelines.rollout import records

        name = self.config.name
        if records.read(self.store(), name).running is None:
            self._conductor().tick()
        return records.read(self.store(), name).running is not None

    def wish(self, wanted: Wish) -> None:
        """Records what is wanted of the rollout that runs."""
        from pipelines.rollout import records

        name = self.config.name
        running = records.read(self.store(), name).running if self.is_running() else None
        if running is None:
            raise UsageError(
                f"no rollout of {name} runs",
                remedy=f"ringway rollout start {name} --version …, or see: ringway rollout history "
                f"{name}",
            )
        records.wish(self.store(), name, running.plan.id, wanted)

    def go_back(self) -> None:
        """Opens a rollout of the version before a blue-green one."""
        from pipelines.rollout import records, starting

        model = self.model
        recorded = records.read(self.store(), model.name)
        version = starting.way_back(recorded, model.on_disk)
        if version is None:
            raise UsageError(
                f"no rollout of {model.name} runs, and the last one was no blue-green that was "
                "promoted and whose version before is on disk",
                remedy=f"Roll any version out: ringway rollout start {model.name} --version …",
            )
        before = recorded.last.plan.id if recorded.last else ""
        self.start(
            version,
            RolloutConfig(strategy="direct"),
            origin=f"an operator goes back from {before}",
        )

    def start(self, version: int, config: RolloutConfig, *, origin: str) -> None:
        """Opens a rollout of a version, and says so."""
        from pipelines.rollout import events, starting
        from pipelines.rollout.records import Recorded

        opened = starting.start(
            self.store(),
            self.model,
            version,
            config,
            origin=origin,
            clock=self.clock,
            token=token,
        )
        for event in events.of(Recorded(rollouts=(opened,))):
            click.echo(str(event))

    def go_on(self, *, wait: bool) -> None:
        """Looks once, or until no rollout runs; exits with 4 where a version was rolled back."""
        conductor, rolled_back, said = self._conductor(), False, None
        while True:
            done = conductor.tick()
            rolled_back |= any(event.kind == "rolled_back" for event in done.events)
            said = _tell(done, said)
            if not (wait and done.running):
                break
            time.sleep(_TICK_SEC)
        if done.running:
            click.echo("`ringway watch` or `ringway rollout conduct` goes on from here.")
        sys.exit(ROLLED_BACK_CODE if wait and rolled_back else 0)

    def _conductor(self) -> Conductor:
        from pipelines.rollout import live
        from pipelines.rollout.conduct import Conductor

        return Conductor(
            self.store(),
            self.config.name,
            self.workspace.rollout_root(self.config.name),
            metrics=live.metrics(self.config, self.workspace, self.clock),
            clock=self.clock,
            token=token,
        )


def _tell(done: Conducted, said: str | None) -> str:
    """Prints what happened, and how things stand where that is new; returns the latter.

    What is waited for changes with every request, and by itself is nothing new.
    """
    from pipelines.rollout.conduct import WAITS

    for event in done.events:
        click.echo(str(event))
    stands = "\n".join(one.partition(WAITS)[0] for one in done.rollouts)
    if stands != said:
        click.echo("\n".join(done.rollouts) or "no rollout runs")
    return stands


def token() -> str:
    """Returns a text that is new with every call."""
    return uuid.uuid4().hex
