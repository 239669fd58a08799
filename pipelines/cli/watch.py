"""`ringway watch`: the loop that retrains, rolls out and rolls back by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipelines import config as configuration
from pipelines.cli.progress import make_progress
from pipelines.cli.terminal import captured_output
from pipelines.errors import RingwayError
from pipelines.workspace import REPOSITORY, Workspace
from serving import clock

if TYPE_CHECKING:
    from pipelines.config import PipelineConfig
    from pipelines.continuous.alerts import Channel
    from pipelines.continuous.loop import Look, Loop

_CODE = ("components", "pipelines", "schemas", "serving")
_SECRET = "RINGWAY_WEBHOOK_SECRET"


@click.command(
    name="watch",
    epilog="""\b
Examples:
  ringway watch flights
  ringway watch flights --once
  ringway watch flights --set watch.window_sec=3600 --set triggers.schedule='0 2 * * 1'
  ringway watch flights --set watch.webhook=https://alerts.example/hook
  ringway watch flights --ask "a new airline flies from Newark"

\b
Exit codes: 0 stopped, or with --once all that was to be done could be; 1 something could not;
2 wrong usage or configuration; 75 another watcher of the pipeline is at work on this machine.
""",
)
@click.argument("pipeline")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option("--once", is_flag=True, help="Look once, act, and end: for cron.")
@click.option(
    "--every", type=click.FloatRange(0.05), metavar="SECONDS", help="Rest so long [watch.tick_sec]."
)
@click.option("--ask", "reason", metavar="REASON", help="Ask the loop for a run, and end.")
@click.option("--owner", help="Name of this watcher [the machine's].")
def command(
    pipeline: str,
    config_file: Path | None,
    settings: Sequence[str],
    once: bool,
    every: float | None,
    reason: str | None,
    owner: str | None,
) -> None:
    """Keep the model of PIPELINE alive: judge what is served, retrain, roll out, roll back.

    Whatever stops it, started again it goes on where it was; its state is in ML Metadata.
    """
    workspace = Workspace.from_environment(os.environ)
    config = configuration.load(configuration.named(pipeline), config_file, settings)
    if reason is not None:
        _ask(config, workspace, reason)
        return
    # A supervisor that ends us is heard as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from pipelines import preflight
    from pipelines.runners.local import lock

    preflight.check_root(workspace.root)
    state = workspace.root / "state" / config.name
    with (
        lock.exclusive(state / "watch.lock", name=config.name, wait=False, on_wait=click.echo),
        captured_output(workspace.root / "logs" / config.name / "watch.log") as terminal,
    ):
        watcher = _Watcher(pipeline, config, workspace, terminal, owner)
        if once:
            sys.exit(0 if watcher.look() else 1)
        rest_sec = config.watch.tick_sec if every is None else every
        watcher.say(f"watches {config.name}; Ctrl-C stops it")
        try:
            watcher.go_on(rest_sec)
        except KeyboardInterrupt:
            watcher.say("stopped")
            return
    # Outside, so that the new program finds the lock free and the output where it was.
    os.execv(sys.executable, [sys.executable, "-m", "pipelines.cli.main", *sys.argv[1:]])


class _Watcher:
    """The loop, what it says, and the sign of life that it gives."""

    def __init__(
        self,
        pipeline: str,
        config: PipelineConfig,
        workspace: Workspace,
        terminal: TextIO,
        owner: str | None,
    ) -> None:
        from pipelines.continuous import local_edges
        from pipelines.continuous.loop import Loop

        self._terminal = terminal
        self._clock = clock.from_environment(os.environ)
        self._state = workspace.root / "state" / config.name
        self._heard: list[str] = []
        self._looks = 0
        self._code = _code_stamp()
        self._loop: Loop = Loop(
            config,
            local_edges.LocalEdges(
                pipeline,
                config,
                workspace,
                clock=self._clock,
                progress=lambda: make_progress(terminal, "text"),
                say=self.say,
            ),
            owner=owner or local_edges.machine(),
            channels=channels(config, workspace),
        )

    def say(self, text: str) -> None:
        from pipelines.continuous import moments

        self._heard.append(text)
        with contextlib.suppress(OSError):  # who reads along may be gone, or the disk full
            print(f"{moments.utc(self._clock())}  {text}", file=self._terminal, flush=True)

    def look(self) -> bool:
        """Looks once; returns whether all that was to be done could be."""
        from pipelines.continuous import heartbeat

        began = self._clock()
        self._heard = []
        look = self._tried()
        self._looks += 1
        beat = heartbeat.Heartbeat(
            tick=self._looks,
            began_clock=began,
            ended_clock=self._clock(),
            pid=os.getpid(),
            said=tuple(self._heard),
            went_well=look is not None and look.went_well,
        )
        try:
            heartbeat.write(beat, self._state)
        except OSError as error:  # a full disk is no reason to end
            self.say(f"trouble: no sign of life could be written: {error}")
            return False
        return beat.went_well

    def go_on(self, rest_sec: float) -> None:
        """Looks again and again, until it is interrupted or the workspace's code changes."""
        # A run is recorded with the code on disk, so that has to be what runs.
        while _code_stamp() == self._code:
            self.look()
            time.sleep(rest_sec)
        self.say("the workspace's code has changed: starts anew")

    def _tried(self) -> Look | None:
        """Looks once. What goes wrong is told, and tried again in the next look."""
        try:
            return self._loop.tick()
        except RingwayError as error:
            self.say(f"trouble: {error}")
        except Exception as error:  # noqa: BLE001  (the loop outlives a fault of its own)
            traceback.print_exc()
            self.say(f"trouble: {type(error).__name__}: {error} (the trace is in watch.log)")
        return None


def channels(config: PipelineConfig, workspace: Workspace) -> list[Channel]:
    """Returns the ways by which alerts go out; a file in the logs is always one."""
    from pipelines.continuous.alert_command import AlertCommand
    from pipelines.continuous.alert_log import AlertLog
    from pipelines.continuous.webhook import Webhook

    found: list[Any] = [AlertLog(path=workspace.root / "logs" / config.name / "alerts.jsonl")]
    if config.watch.webhook:
        found.append(Webhook(url=config.watch.webhook, secret=os.environ.get(_SECRET, "")))
    if config.watch.command:
        found.append(AlertCommand(command=config.watch.command, environment=dict(os.environ)))
    return found


def _ask(config: PipelineConfig, workspace: Workspace, reason: str) -> None:
    import getpass

    from pipelines.continuous import ledger
    from pipelines.continuous.snapshot import Request
    from pipelines.lineage.store import open_store

    now: Callable[[], float] = clock.from_environment(os.environ)
    request = Request(id=uuid.uuid4().hex[:8], asked_sec=now(), by=getpass.getuser(), reason=reason)
    store = open_store(workspace.metadata_url)
    ledger.ask(store, config.name, request, token=uuid.uuid4().hex)
    click.echo(f"Asked for a run of {config.name} (request {request.id}).")
    click.echo(f"  `ringway watch {config.name}` makes it at its next look.")


def _code_stamp() -> int:
    """Returns a number that changes when a module of the workspace does."""
    files = (path for name in _CODE for path in (REPOSITORY / name).rglob("*.py"))
    return hash(tuple(sorted((str(path), _changed_ns(path)) for path in files)))


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # removed just now, as by `git pull`
        return 0
