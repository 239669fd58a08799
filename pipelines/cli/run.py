"""`ringway run`: runs a pipeline on this machine and shows how it goes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pipelines import config as configuration
from pipelines import training
from pipelines.cli.explain import places
from pipelines.cli.progress import make_progress
from pipelines.cli.terminal import captured_output
from pipelines.config import PipelineConfig
from pipelines.errors import UsageError
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.runners.beam import profiles
from pipelines.runners.local import runner
from pipelines.workspace import Workspace
from serving import clock


@click.command(
    name="run",
    epilog="""\b
Examples:
  ringway run taxi
  ringway run taxi --set epochs=8 --set evaluation.min_auc=0.9
  ringway run taxi --config my.toml --tune
  ringway run flights --span-range 8
  ringway run flights --span-range 5:12
  ringway run taxi --only Evaluator --force
  ringway run taxi --resume
  ringway run flights --beam direct,processes=4
  ringway run flights --beam flink,master=localhost:8081
  ringway run flights --beam cluster --config my.toml --dry-run
""",
)
@click.argument("pipeline")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option(
    "--span-range",
    metavar="SPANS",
    help="Spans of data: 8 for the last eight, 5:12 for those from 5 to 12.",
)
@click.option(
    "--beam",
    metavar="PROFILE",
    help="Where Beam runs: direct, flink, spark, dataflow or a profile of --config; "
    "NAME,FIELD=VALUE,… changes some of it.",
)
@click.option("--from", "from_nodes", multiple=True, metavar="NODE", help="Start at this node.")
@click.option("--to", "to_nodes", multiple=True, metavar="NODE", help="End at this node.")
@click.option("--only", multiple=True, metavar="NODE", help="Run just this node.")
@click.option("--force", is_flag=True, help="Ignore the cache.")
@click.option("--tune", is_flag=True, help="Search hyperparameters even if a search is recorded.")
@click.option("--resume", is_flag=True, help="Go on with the last run, which did not finish.")
@click.option("--dry-run", is_flag=True, help="Show where Beam would run, and run nothing.")
@click.option("--jobs", type=click.IntRange(min=1), help="Nodes at the same time [cores].")
@click.option("--wait", is_flag=True, help="Wait for another run of the pipeline to end.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(  # noqa: PLR0913  (one per option)
    pipeline: str,
    config_file: Path | None,
    settings: Sequence[str],
    span_range: str | None,
    beam: str | None,
    from_nodes: Sequence[str],
    to_nodes: Sequence[str],
    only: Sequence[str],
    force: bool,
    tune: bool,
    resume: bool,
    dry_run: bool,
    jobs: int | None,
    wait: bool,
    form: str,
) -> None:
    """Run PIPELINE: validate its data, train, evaluate and push a model.

    Nodes whose inputs, parameters and code have not changed are taken from the cache.
    """
    if only and (from_nodes or to_nodes):
        raise UsageError("--only cannot go together with --from or --to.")
    # A supervisor that ends us is heard as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workspace = Workspace.from_environment(os.environ)
    base = configuration.named(pipeline)
    trigger = "on demand"
    if resume:
        run_id, base = _unfinished(base, workspace)
        trigger = f"resumes {run_id}"
    if span_range is not None:
        settings = (*settings, f"span_range={json.dumps(span_range)}")
    asked = configuration.load(base, config_file, settings)
    if beam is not None:
        asked = dataclasses.replace(asked, beam=profiles.changed(asked.beam, beam))
    if dry_run:
        _show_plan(asked, workspace)
        return
    ready = training.prepared(pipeline, asked, workspace, _tell)
    options = runner.RunOptions(
        from_nodes=tuple(only or from_nodes),
        to_nodes=tuple(only or to_nodes),
        force=force,
        fresh=("Tuner",) if tune else (),
        jobs=jobs or 0,
        wait=wait,
        trigger=trigger,
    )
    name = ready.config.name
    with captured_output(workspace.root / "logs" / name / "ringway.log") as terminal:
        progress = make_progress(terminal, form)
        now = clock.from_environment(os.environ)
        report = ready.run(workspace, options=options, progress=progress, now=now)
        if form == "text":
            for place in places(report, ready.data, ready.config):
                print(f"  {place}", file=terminal)
    sys.exit(report.outcome.exit_code)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _show_plan(asked: PipelineConfig, workspace: Workspace) -> None:
    from pipelines.runners.beam import plan

    for line in plan.lines(asked, workspace):
        click.echo(line)


def _unfinished(base: PipelineConfig, workspace: Workspace) -> tuple[str, PipelineConfig]:
    from pipelines.lineage.store import open_store

    store = open_store(workspace.metadata_url)
    runs = [
        run
        for run in store.get_contexts_by_type(keys.RUN_CONTEXT)
        if run.custom_properties[keys.RUN_PIPELINE].string_value == base.name
    ]
    if not runs:
        raise UsageError(f"Pipeline {base.name} has no run to resume.")
    last = max(runs, key=lambda run: run.custom_properties[keys.RUN_STARTED].double_value)
    state = last.custom_properties[keys.RUN_STATE].string_value
    if state in (RunState.BLESSED, RunState.SUCCEEDED):
        raise UsageError(
            f"The last run of {base.name}, {last.name}, has finished ({state}).",
            remedy=f"Start a new one: ringway run {base.name}",
        )
    recorded = json.loads(last.custom_properties[keys.RUN_CONFIG].string_value)
    return last.name, configuration.restore(base, recorded)
