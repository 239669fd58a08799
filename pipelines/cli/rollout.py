"""`ringway rollout`: how a version reaches its users, and what an operator can say to it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from pipelines.cli.rollout_desk import Desk
from pipelines.config_parts import RolloutConfig
from pipelines.errors import RingwayError, UsageError
from serving.rollout.errors import RolloutError
from serving.rollout.plan import Strategy
from serving.rollout.snapshot import Wish

_TESTS = (Strategy.SHADOW.value, Strategy.AB_TEST.value)


class _Group(click.Group):
    """Lists its verbs in the order of use; what cannot be meant is an error like any other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RolloutError as error:
            raise RingwayError(str(error)) from error


@click.group(
    name="rollout",
    cls=_Group,
    epilog="""\b
Examples:
  ringway rollout status flights
  ringway rollout start flights --version 1700000000 --strategy canary --steps 0.05,0.25,1
  ringway rollout pause flights
  ringway rollout abort flights
  ringway rollout history flights --format json
  ringway rollout conduct flights

\b
Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration,
4 a version was rolled back while conduct or --wait looked on, 130 cancelled.
""",
)
def command() -> None:
    """Say how a version of NAME reaches its users, or look how it does.

    What a pipeline pushes is rolled out as its configuration says in [rollout]. `ringway watch`
    conducts rollouts; without it `ringway rollout conduct` does, and each verb below that changes
    something looks once by itself, so that an abort needs nobody else.
    """


_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
_WAIT = click.option("--wait", is_flag=True, help="Go on conducting until no rollout runs.")


def _settings(function: Callable[..., None]) -> Callable[..., None]:
    """Adds the options by which a pipeline is configured."""
    for option in (
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting."
        ),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            help="TOML file of settings.",
        ),
    ):
        function = option(function)
    return function


@command.command(epilog="Examples:\n  ringway rollout status flights --format json")
@click.argument("name")
@_settings
@_FORMAT
def status(name: str, config_file: Path | None, settings: Sequence[str], form: str) -> None:
    """Show what serves, the rollout that runs, what its guards say and what is waited for."""
    from pipelines.rollout import standing

    desk = Desk(name, config_file, settings)
    report = desk.document()
    click.echo(_json(report) if form == "json" else standing.text(report))


@command.command(epilog="Examples:\n  ringway rollout history flights")
@click.argument("name")
@_FORMAT
def history(name: str, form: str) -> None:
    """Show all that happened to rollouts of NAME, the oldest first."""
    from pipelines.rollout import records, standing

    desk = Desk(name)
    happened = standing.history(records.read(desk.store(read_only=True), desk.config.name))
    if form == "json":
        click.echo(_json(happened))
        return
    for event in happened:
        click.echo(f"{event['at']}  {event['text']}")


@command.command(
    epilog="""\b
Examples:
  ringway rollout start flights --version 1700000000
  ringway rollout start flights --version 1700000000 --strategy shadow --guard error_rate
"""
)
@click.argument("name")
@click.option("--version", type=click.IntRange(0), required=True, help="Any version on disk.")
@click.option("--strategy", type=click.Choice([one.value for one in Strategy]))
@click.option("--steps", metavar="S,S,…", help="Shares of the candidate, such as 0.05,0.25,1.")
@click.option("--guard", "guards", multiple=True, metavar="TEXT", help="In place of the guards.")
@click.option("--min-requests", type=click.IntRange(1), help="That a step has to have.")
@_WAIT
@_settings
def start(  # noqa: PLR0913  (one per option)
    name: str,
    version: int,
    strategy: str | None,
    steps: str | None,
    guards: Sequence[str],
    min_requests: int | None,
    wait: bool,
    config_file: Path | None,
    settings: Sequence[str],
) -> None:
    """Roll a version of NAME out: one that was pushed by hand, or an older one back.

    How is configured in [rollout]; options take its place.
    """
    desk = Desk(name, config_file, settings)
    wanted = _wanted(desk.config.rollout, strategy, steps, guards, min_requests)
    desk.start(version, wanted, origin="an operator asked for it")
    desk.go_on(wait=wait)


@command.command(epilog="Examples:\n  ringway rollout promote flights")
@click.argument("name")
@_WAIT
@_settings
def promote(name: str, wait: bool, config_file: Path | None, settings: Sequence[str]) -> None:
    """Let the candidate serve everything, whatever its step; a broken guard still rolls back."""
    desk = Desk(name, config_file, settings)
    desk.wish(Wish.PROMOTE)
    desk.go_on(wait=wait)


@command.command(epilog="Examples:\n  ringway rollout abort flights")
@click.argument("name")
@_WAIT
@_settings
def abort(name: str, wait: bool, config_file: Path | None, settings: Sequence[str]) -> None:
    """Let the stable version serve everything.

    Where no rollout runs and the last one was blue-green, the version before it serves again, while
    it is on disk.
    """
    desk = Desk(name, config_file, settings)
    if desk.is_running():
        desk.wish(Wish.ABORT)
    else:
        desk.go_back()
    desk.go_on(wait=wait)


@command.command(epilog="Examples:\n  ringway rollout pause flights")
@click.argument("name")
@_settings
def pause(name: str, config_file: Path | None, settings: Sequence[str]) -> None:
    """Stay in the present step; guards go on watching."""
    desk = Desk(name, config_file, settings)
    desk.wish(Wish.PAUSE)
    desk.go_on(wait=False)


@command.command(epilog="Examples:\n  ringway rollout resume flights")
@click.argument("name")
@_settings
def resume(name: str, config_file: Path | None, settings: Sequence[str]) -> None:
    """Go on after a pause, or take another wish back that was not fulfilled yet."""
    desk = Desk(name, config_file, settings)
    desk.wish(Wish.NONE)
    desk.go_on(wait=False)


@command.command(
    epilog="""\b
Examples:
  ringway rollout conduct flights
  ringway rollout conduct flights --once
"""
)
@click.argument("name")
@click.option("--once", is_flag=True, help="Look once.")
@_settings
def conduct(name: str, once: bool, config_file: Path | None, settings: Sequence[str]) -> None:
    """Open, raise, promote and roll back as plans say, until no rollout of NAME runs.

    For those who do not run `ringway watch`, which does the same.
    """
    Desk(name, config_file, settings).go_on(wait=not once)


def _wanted(
    config: RolloutConfig,
    strategy: str | None,
    steps: str | None,
    guards: Sequence[str],
    min_requests: int | None,
) -> RolloutConfig:
    """Returns the configured rollout with what options say in its desk."""
    changes: dict[str, Any] = {}
    if strategy is not None and strategy != config.strategy:
        # Steps belong to a strategy, and so does the report of a test.
        changes |= {"strategy": strategy, "steps": ()}
        if strategy not in _TESTS:
            changes["on_success"] = "promote"
    if steps is not None:
        changes["steps"] = _shares(steps)
    if guards:
        changes["guards"] = tuple(guards)
    if min_requests is not None:
        changes["min_requests"] = min_requests
    return dataclasses.replace(config, **changes)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise UsageError(
            f"--steps {text}: expected shares with commas between them, such as 0.05,0.25,1"
        ) from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
