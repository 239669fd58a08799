"""`ringway replay`: a year of departures against the real server and the real loop."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import click

from pipelines.errors import UsageError
from pipelines.workspace import Workspace

_PIPELINE = "flights"


@click.command(
    name="replay",
    epilog="""\b
Examples:
  ringway replay flights --from 2013-01 --to 2013-12
  ringway replay flights --from 2013-01 --to 2013-03 --thin 20 --no-comparison
  ringway replay flights --kill 20 --seed 7
  ringway replay flights --days 14 --home /tmp/replay --output /tmp/replay/result

\b
Exit codes: 0 it ran through, 1 a process did not do its part, or with --kill something was done
twice or lost, 2 wrong usage or configuration, 130 cancelled.
""",
)
@click.argument("pipeline")
@click.option(
    "--from", "first_month", default="2013-01", show_default=True, metavar="MONTH",
    help="What is known at first.",
)  # fmt: skip
@click.option(
    "--to", "last_month", default="2013-12", show_default=True, metavar="MONTH",
    help="The last month that comes.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1), help="End after so many days.")
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False),
    help="Workspace of the replay: an empty folder [a new one in the workspace].",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Folder of replay.json, replay.md and replay.svg [HOME/result].",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--thin", type=click.IntRange(1), default=1, show_default=True, metavar="K",
    help="Keep one of K departures, with bounds to match.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Passes over training rows [configured].")
@click.option("--trials", type=click.IntRange(1), help="Trials of the tuner [configured].")
@click.option(
    "--every", "new_spans", type=click.IntRange(1), default=4, show_default=True, metavar="WEEKS",
    help="New weeks that are a reason to train.",
)  # fmt: skip
@click.option(
    "--check", "checks", multiple=True, type=click.Choice(["skew", "performance"]),
    help="What the loop judges; may be given again [both].",
)  # fmt: skip
@click.option(
    "--kill", "kills", type=click.IntRange(0), default=0, metavar="N",
    help="Kill loop and server in turn, so often, at random moments.",
)  # fmt: skip
@click.option("--bad-push/--no-bad-push", default=True, help="Push a bad model in the middle.")
@click.option(
    "--comparison/--no-comparison", default=True, help="Train the models to compare with."
)
def command(  # noqa: PLR0913  (one per option)
    pipeline: str,
    first_month: str,
    last_month: str,
    days: int | None,
    home: Path | None,
    output: Path | None,
    seed: int,
    thin: int,
    epochs: int | None,
    trials: int | None,
    new_spans: int,
    checks: tuple[str, ...],
    kills: int,
    bad_push: bool,
    comparison: bool,
) -> None:
    """Replay a year of PIPELINE, on a simulated clock.

    Starts from the first month alone. Day by day real departures are sent to a real server, their
    labels a simulated day later, while `ringway watch` decides, trains and rolls out by itself.
    """
    if pipeline != _PIPELINE:
        raise UsageError(
            f"there is no replay of {pipeline!r}; expected {_PIPELINE}",
            remedy=f"Write: ringway replay {_PIPELINE}",
        )
    # TensorFlow tells of its start at length; what matters of it is in the processes' logs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", FutureWarning)
    from pipelines.replay.days import period

    asked = period(first_month, last_month, days)
    # A supervisor that ends us is heard as Ctrl-C is, and ends what we started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from pipelines.replay import chaos, result, session
    from pipelines.replay.settings import Size

    root = Workspace.from_environment(os.environ).root / "replays"
    home = (home or root / f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}").absolute()
    size = Size(
        thin=thin,
        epochs=epochs,
        trials=trials,
        new_spans=new_spans,
        checks=checks or Size.checks,
    )
    plan = session.Plan(
        period=asked,
        home=home,
        output=(output or home / "result").absolute(),
        cache=root / "comparisons",
        size=size,
        seed=seed,
        kills=kills,
        bad_push=bad_push,
        compare=comparison,
    )
    click.echo(f"replays {asked.days[0].date} to {asked.days[-1].date} in {home}")
    found = session.run(plan, _Terminal())
    click.echo()
    click.echo(result.table(found))
    click.echo(result.summary(found))
    click.echo(f"written to {plan.output}")
    wrong = chaos.faults(found.outcome) if kills else ()
    for text in wrong:
        click.echo(f"wrong: {text}", err=True)
    sys.exit(1 if wrong else 0)


class _Terminal:
    """Prints what happens, with the minutes since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        click.echo(f"{minutes:3}:{seconds:02}  {text}")
