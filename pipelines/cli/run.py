"""`ringway run`: runs a pipeline on this machine and shows how it goes."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from components.data_quality_validator import clock
from pipelines import config as configuration
from pipelines import data_folder, preflight, stack
from pipelines.cli.explain import places
from pipelines.cli.progress import make_progress
from pipelines.cli.terminal import captured_output
from pipelines.config import PipelineConfig
from pipelines.errors import UsageError
from pipelines.lineage import keys
from pipelines.lineage.keys import RunState
from pipelines.preflight import DataFolder
from pipelines.runners.local import runner, unchanged
from pipelines.runners.local.code_version import CodeVersions
from pipelines.workspace import REPOSITORY, Workspace


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
@click.option("--from", "from_nodes", multiple=True, metavar="NODE", help="Start at this node.")
@click.option("--to", "to_nodes", multiple=True, metavar="NODE", help="End at this node.")
@click.option("--only", multiple=True, metavar="NODE", help="Run just this node.")
@click.option("--force", is_flag=True, help="Ignore the cache.")
@click.option("--tune", is_flag=True, help="Search hyperparameters even if a search is recorded.")
@click.option("--resume", is_flag=True, help="Go on with the last run, which did not finish.")
@click.option("--jobs", type=click.IntRange(min=1), help="Nodes at the same time [cores].")
@click.option("--wait", is_flag=True, help="Wait for another run of the pipeline to end.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(  # noqa: PLR0913  (one per option)
    pipeline: str,
    config_file: Path | None,
    settings: Sequence[str],
    span_range: str | None,
    from_nodes: Sequence[str],
    to_nodes: Sequence[str],
    only: Sequence[str],
    force: bool,
    tune: bool,
    resume: bool,
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
    config, folder = _looked_at(asked, workspace)
    module = f"pipelines.{pipeline}.pipeline"
    options = runner.RunOptions(
        from_nodes=tuple(only or from_nodes),
        to_nodes=tuple(only or to_nodes),
        force=force,
        fresh=("Tuner",) if tune else (),
        fail_on=config.fail_on,
        jobs=jobs or 0,
        wait=wait,
        trigger=trigger,
        # Without the folder that data_fn fills, so that --resume fills it again where it is gone.
        config=configuration.to_dict(asked),
        preload=(module,),
    )
    with captured_output(workspace.root / "logs" / config.name / "ringway.log") as terminal:
        progress = make_progress(terminal, form)
        report = runner.run(
            config.name,
            lambda: importlib.import_module(module).create_pipeline(config, workspace),
            workspace,
            options=options,
            identity=lambda: _identity(config, module),
            progress=progress,
        )
        if form == "text":
            for place in places(report, folder, config):
                print(f"  {place}", file=terminal)
    sys.exit(report.outcome.exit_code)


def _looked_at(config: PipelineConfig, workspace: Workspace) -> tuple[PipelineConfig, DataFolder]:
    preflight.check_root(workspace.root)
    config = data_folder.resolve(config, workspace, _tell)
    folder = preflight.check(config, workspace.root)
    if folder.note:
        _tell(folder.note)
    if config.quality_path and not _rules_were_read(config, workspace):
        from pipelines import quality  # imports Arrow, and with it pandas

        quality.read_rules(config, Path(config.quality_path))
    return config, folder


def _rules_were_read(config: PipelineConfig, workspace: Workspace) -> bool:
    """Whether the last run that ended well read the same rules, by the same schema.

    So a rerun in which nothing has changed need not import what reads them.
    """
    witness = unchanged.Witness.read(workspace.root / "state" / config.name / "unchanged.json")
    if witness is None:
        return False
    paths = [config.quality_path, config.schema_path]
    code = CodeVersions([REPOSITORY]).of_values([paths])
    return all(path in code and witness.identity.code.get(path) == code[path] for path in paths)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _identity(config: PipelineConfig, module: str) -> unchanged.Identity:
    code = CodeVersions([REPOSITORY])
    settings = configuration.to_dict(config)
    hour = clock.hour_asked_for(Path(config.quality_path), time.time())
    return unchanged.Identity(
        config=json.dumps(settings, sort_keys=True),
        code={
            **code.of_import_path(module),
            **code.of_values([settings]),
            "tfx": stack.tfx_version(),
            **({} if hour is None else {"the hour that rules count from": str(hour)}),
        },
        files=unchanged.files_under(Path(config.data_root)),
    )


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
