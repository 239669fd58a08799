"""`ringway submit`: puts a pipeline on a cluster, now or by a schedule, and watches its run."""

from __future__ import annotations

import dataclasses
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.submit_shown import Shown
from pipelines.cli.terminal import captured_output
from pipelines.errors import RingwayError, UsageError
from pipelines.submission.asked import Asked
from pipelines.workspace import REPOSITORY, Workspace

if TYPE_CHECKING:
    from pipelines.runners.kubeflow.compiler import CompiledPipeline
    from pipelines.submission.credentials import Access
    from pipelines.submission.findings import Finding
    from pipelines.submission.plan import Plan
    from pipelines.submission.server import Server
    from pipelines.submission.snapshot import Snapshot

_ASKED = {field.name for field in dataclasses.fields(Asked)}
_REPEATED: Mapping[str, tuple[str, str, str]] = {
    "--param": ("params", "NAME=VALUE", "A parameter of the run, typed."),
    "--set": ("overrides", "KEY=VALUE", "Override a setting, as in `ringway run`."),
    "--gpu": ("gpus", "NODE=N[:KIND]", "Accelerators of a node; * for every node."),
    "--memory": ("memory", "NODE=8G", "Memory of a node."),
    "--cpu": ("cpus", "NODE=2", "Cores of a node."),
    "--volume": ("volumes", "CLAIM:/path", "A claim that every task mounts."),
    "--secret": ("secrets", "VAR=NAME[:KEY]", "A variable that comes from a secret."),
    "--env": ("env", "NAME=VALUE", "A variable of every task."),
    "--pull-secret": ("pull_secrets", "NAME", "A secret to pull the image with."),
}
_TEXTS: Mapping[str, tuple[str, str, str, str]] = {
    "--host": ("host", "URL", "", "The server [$KF_PIPELINES_ENDPOINT, or the pod's cluster]."),
    "--ui-host": ("ui_host", "URL", "", "Its pages, where they lie elsewhere."),
    "--namespace": ("namespace", "NAME", "", "Whose run it is, on a server of many users."),
    "--server-namespace": ("server_namespace", "NAME", "kubeflow", "Where Kubeflow itself runs."),
    "--experiment": ("experiment", "NAME", "Default", "The experiment; created if missing."),
    "--run-name": ("run_name", "NAME", "", "The run's name; a submission's id is added."),
    "--image": ("image", "REF", "", "The tasks' image, registry/repository@sha256:…"),
    "--image-folder": ("image_folder", "PATH", "/opt/ringway", "The repository in the image."),
    "--root": ("root", "URI", "", "Where artifacts go: gs://, s3://, minio://, or on a volume."),
    "--workspace": ("workspace", "PATH", "/ringway-home", "Made data and pushed models."),
    "--kubeflow-root": ("server_root", "URI", "", "Where Kubeflow keeps its summaries."),
    "--metadata-secret": ("metadata_secret", "NAME[:KEY]", "", "Holds RINGWAY_METADATA_URL."),
    "--service-account": ("service_account", "NAME", "", "The tasks' service account."),
    "--schedule": ("schedule", "CRON", "", "Run again and again, instead of once."),
    "--schedule-name": ("schedule_name", "NAME", "", "The schedule's name [the pipeline's]."),
    "--project": ("project", "ID", "", "Google Cloud project, for Vertex."),
    "--region": ("region", "NAME", "", "Region, for Vertex."),
}


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option, (name, form, text) in reversed(list(_REPEATED.items())):
        command = click.option(option, name, multiple=True, metavar=form, help=text)(command)
    for option, (name, form, default, text) in reversed(list(_TEXTS.items())):
        shown = f"{text.removesuffix('.')} [{default}]." if default else text
        command = click.option(option, name, metavar=form, default=default, help=shown)(command)
    return command


@click.command(
    name="submit",
    epilog="""\b
Examples:
  ringway submit taxi --dry-run --output taxi.yaml
  ringway submit taxi --host https://kubeflow.example/pipeline --token-file token \\
      --image images.example/ringway@sha256:… --volume ringway:/ringway-home \\
      --metadata-secret store:url --memory Trainer=8G --param epochs=8 --wait
  ringway submit taxi … --schedule '0 3 * * *'
  ringway submit taxi --host … --unschedule
  ringway submit my.module:create_pipeline --image … --root s3://bucket/runs
  ringway submit taxi --target vertex --project … --region … --root gs://bucket/runs \\
      --image … --output job.json

\b
PIPELINE is one of this repository, or package.module:function for any function that returns a
TFX pipeline. Tokens: --token-file, which is read anew for each request, $KF_PIPELINES_TOKEN, or
the one that Kubeflow mounts into a pod.

\b
Exit codes: 0 submitted, or with --wait the run succeeded; 1 it failed, or the server refused;
2 something is to mend first, nothing was uploaded; 3 anomalies in the data and 4 model rejected,
where $RINGWAY_METADATA_URL names the store of the run; 130 cancelled. Ctrl-C while waiting leaves
the run alone, unless --cancel-on-interrupt was given.
""",
)
@click.argument("pipeline")
@_options
@click.option("--target", type=click.Choice(["kubeflow", "vertex"]), default="kubeflow")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML of settings.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File of a token.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates to trust.")
@click.option("--output", type=click.Path(path_type=Path), help="Write what is compiled here.")
@click.option("--allow-tag", is_flag=True, help="Take an image by tag.")
@click.option("--cache/--no-cache", default=True, help="Use results in ML Metadata again [on].")
@click.option("--retries", type=click.IntRange(0, 10), default=0, help="Tries after a failure.")
@click.option("--exit-handler", is_flag=True, help="Give the verdict after a failure too.")
@click.option("--unschedule", is_flag=True, help="End the schedule of that name.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; asks no server.")
@click.option("--wait", is_flag=True, help="Watch the run, and exit as it ends.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C ends the run as well.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(pipeline: str, target: str, form: str, **given: Any) -> None:
    """Submit PIPELINE to Kubeflow Pipelines 2, or to Vertex AI.

    Everything is checked before anything is uploaded: the server, the image, where tasks share
    files and metadata, the parameters, and the compiled pipeline itself.
    """
    _refuse_together(given)
    shown = Shown(form)
    if target == "vertex":
        from pipelines.cli import submit_vertex

        code = submit_vertex.run(pipeline, given, asked_of(given), shown)
    elif given["unschedule"]:
        code = _unschedule(pipeline, given, shown)
    else:
        code = _Submission(pipeline, given, shown).run()
    shown.finish()
    sys.exit(code)


def asked_of(given: Mapping[str, Any]) -> Asked:
    """Returns the options that say what tasks need."""
    return Asked(**{name: value for name, value in given.items() if name in _ASKED})


def log_path(pipeline: str) -> Path:
    """Returns the file that takes what libraries print while a pipeline compiles."""
    root = Workspace.from_environment(os.environ).root
    return root / "logs" / pipeline.replace(":", ".") / "submit.log"


def _refuse_together(given: Mapping[str, Any]) -> None:
    for one, other in (
        ("schedule", "unschedule"),
        ("schedule", "wait"),
        ("unschedule", "wait"),
        ("unschedule", "dry_run"),
        ("dry_run", "wait"),
    ):
        if given[one] and given[other]:
            names = [f"--{name.replace('_', '-')}" for name in (one, other)]
            raise UsageError(f"{names[0]} cannot go together with {names[1]}.")


def _access(given: Mapping[str, Any]) -> Access:
    from pipelines.submission import credentials

    return credentials.find(
        given["host"],
        given["token_file"],
        os.environ,
        server_namespace=given["server_namespace"],
        ca_file=given["ca_file"],
    )


def _server(access: Access, given: Mapping[str, Any]) -> Server:
    from pipelines.submission.server import Server

    return Server(access, ui=given["ui_host"])


def _unschedule(pipeline: str, given: Mapping[str, Any], shown: Shown) -> int:
    from pipelines.submission import submitting

    server = _server(_access(given), given)
    name = given["schedule_name"] or _short(pipeline)
    namespace = given["namespace"] if server.health().multi_user else ""
    if not submitting.unschedule(server, name, given["experiment"], namespace, shown.note):
        raise UsageError(
            f"There is no schedule {name!r} in experiment {given['experiment']!r}.",
            remedy="Name it with --schedule-name and --experiment.",
        )
    return 0


def _short(pipeline: str) -> str:
    return pipeline.rpartition(".")[2].replace(":", "-").replace("_", "-").lower()


class _Submission:
    """One submission to Kubeflow, from options to an exit code."""

    def __init__(self, pipeline: str, given: Mapping[str, Any], shown: Shown) -> None:
        self._pipeline = pipeline
        self._given = given
        self._shown = shown
        trigger = f"schedule {given['schedule']}" if given["schedule"] else "submitted"
        self._settings = asked_of(given).settings(trigger)
        self._access = None if given["dry_run"] else _access(given)

    def run(self) -> int:
        """Does it."""
        from pipelines.submission import checks, findings

        compiled, problem = self._compiled()
        snapshot, server = self._snapshot(compiled, problem)
        found = checks.all_findings(snapshot)
        if compiled is None:
            findings.raise_serious(found)
            raise AssertionError("a pipeline that does not compile is a finding")
        plan = self._plan(compiled, snapshot)
        self._write(plan)
        self._shown.findings(found)
        if server is None:
            self._shown.plan(plan)
            self._shown.to_mend(found)
            return 2 if any(finding.serious for finding in found) else 0
        findings.raise_serious(found)
        return self._submit(server, plan)

    def _compiled(self) -> tuple[CompiledPipeline | None, Finding | None]:
        from pipelines.submission import compiling

        given = self._given
        try:
            # TensorFlow and TFX print while they are imported.
            with captured_output(log_path(self._pipeline)):
                return compiling.compiled(
                    self._pipeline, self._settings, given["config_file"], given["overrides"]
                ), None
        except RingwayError as error:
            return None, compiling.not_compiled(error)

    def _snapshot(
        self, compiled: CompiledPipeline | None, problem: Finding | None
    ) -> tuple[Snapshot, Server | None]:
        from pipelines.submission import compiling, parameters, submitting
        from pipelines.submission.snapshot import Snapshot

        given = self._given
        values, wrong = (
            parameters.typed(given["params"], compiled.parameters) if compiled else ({}, ())
        )
        server = _server(self._access, given) if self._access else None
        contact = (
            submitting.contact(server, self._access, given["experiment"], given["namespace"])
            if server and self._access
            else None
        )
        snapshot = Snapshot(
            settings=self._settings,
            compiled=compiled,
            not_compiled=problem,
            of_repository=not compiling.is_function(self._pipeline),
            values=values,
            parameter_findings=wrong,
            local_folders=(str(REPOSITORY),),
            allow_tag=given["allow_tag"],
            namespace=given["namespace"],
            experiment=given["experiment"],
            run_name=given["run_name"],
            schedule=given["schedule"],
            contact=contact,
        )
        return snapshot, server

    def _plan(self, compiled: CompiledPipeline, snapshot: Snapshot) -> Plan:
        from pipelines.submission import names
        from pipelines.submission.plan import Plan

        given = self._given
        many = snapshot.contact is None or (
            snapshot.contact.health is not None and snapshot.contact.health.multi_user
        )
        name = (
            given["schedule_name"] or compiled.name
            if given["schedule"]
            else names.run_name(given["run_name"], compiled.name, time.time(), secrets.token_hex(4))
        )
        return Plan(
            compiled=compiled,
            settings=self._settings,
            content=compiled.to_yaml(),
            values=snapshot.values,
            name=name,
            experiment=given["experiment"],
            namespace=given["namespace"] if many else "",
            schedule=given["schedule"],
            server_root=given["server_root"],
            host=self._access.host if self._access else "",
        )

    def _write(self, plan: Plan) -> None:
        output: Path | None = self._given["output"]
        if output is None:
            return
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(plan.content, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--output {output}: cannot be written: {error}") from error
        self._shown.note(f"written to {output}")

    def _submit(self, server: Server, plan: Plan) -> int:
        from pipelines.submission import submitting

        submitted = submitting.submit(server, plan, self._shown.note)
        self._shown.submitted(submitted, "schedule" if plan.schedule else "run")
        if not self._given["wait"]:
            return 0
        return self._watch(server, plan.compiled, submitted.id)

    def _watch(self, server: Server, compiled: CompiledPipeline, run_id: str) -> int:
        from pipelines.submission import outcome, watching

        # A supervisor that ends us is heard as Ctrl-C is.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            run = watching.watch(
                lambda: server.run(run_id),
                compiled.tasks,
                self._shown,
                renews_token=server.access.renews,
                timeout_sec=self._given["timeout"],
            )
        except KeyboardInterrupt:
            return self._interrupted(server, run_id)
        url = Workspace.from_environment(os.environ).metadata_url
        recorded, note = outcome.recorded(url, compiled.name, run_id)
        ending = outcome.ending(run, recorded, note)
        self._shown.ended(run, ending, watching.failed(run, compiled.tasks))
        return ending.exit_code

    def _interrupted(self, server: Server, run_id: str) -> int:
        if self._given["cancel_on_interrupt"]:
            server.terminate(run_id)
            self._shown.note("the run was told to end")
        else:
            self._shown.note(f"the run goes on: {server.run_page(run_id)}")
        self._shown.told(exit_code=130)
        return 130
