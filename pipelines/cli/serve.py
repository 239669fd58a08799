"""`ringway serve`: serves a pushed model, by itself or in front of a TensorFlow Serving.

All that `tensorflow_model_server` can be told beside these options is taken by
`ringway-model-server` (`serving.server.program`), which starts the same server.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines import config as configuration
from pipelines.errors import RingwayError
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from serving.server.model_server import ModelServer
    from serving.server.options import ServerOptions


class _Serve(click.Command):
    """`ringway serve tune NAME` is a command of its own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["tune"]:
            from pipelines.cli.serve_tune import tune

            return tune.make_context(f"{info_name} tune", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(
    name="serve",
    cls=_Serve,
    epilog="""\b
Examples:
  ringway serve taxi
  ringway serve taxi --port 9500 --rest-port 9501 --log-rate 0.1
  ringway serve taxi --backend grpc://tensorflow-serving:8500
  ringway serve taxi --tls ssl.pbtxt --api-keys keys.txt
  ringway serve tune taxi --output batching.pbtxt

\b
Exit codes: 0 stopped, 1 cannot start, 2 wrong usage.
""",
)
@click.argument("name")
@click.option("--host", default="", help="Address to listen on [all].")
@click.option("--port", type=click.IntRange(1, 65535), default=8500, show_default=True)
@click.option("--rest-port", type=click.IntRange(0, 65535), default=8501, show_default=True)
@click.option("--backend", default="", metavar="URL", help="grpc://host:port that computes.")
@click.option(
    "--backend-model-path",
    default="",
    metavar="FOLDER",
    help="The model's folder as --backend sees it, to have it load a rollout's versions.",
)
@click.option("--device", default="", help="Where to compute: cpu, gpu:0 [what there is].")
@click.option("--workers", type=click.IntRange(1), help="Batches computed at a time [by cores].")
@click.option(
    "--max-pending",
    type=click.IntRange(0),
    default=4096,
    show_default=True,
    help="Requests that may wait; more are refused.",
)
@click.option("--batching", type=click.Path(), help="BatchingParameters as text.")
@click.option("--model-config", type=click.Path(), help="ModelServerConfig as text, for labels.")
@click.option("--request-log", type=click.Path(), help="Folder of the request log [workspace].")
@click.option(
    "--log-rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of requests that is logged; 0 for none.",
)
@click.option("--tls", type=click.Path(), help="SSLConfig as text: serve over TLS.")
@click.option("--api-keys", type=click.Path(), help="File of API keys, one per line.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(name: str, log_format: str, **chosen: Any) -> None:
    """Serve the model NAME over gRPC and REST until Ctrl-C or SIGTERM.

    NAME is a pipeline whose model was pushed; versions that are pushed later take over by
    themselves. With --backend NAME is any model of the server behind.
    """
    from serving.monitoring import logs
    from serving.server import program

    workspace = Workspace.from_environment(os.environ)
    if not chosen["backend"]:
        _tell_of_models(name, workspace.model_root(name))
    options = _options(name, workspace, chosen)
    logs.configure(log_format)
    if program.run(options, on_started=lambda server: _tell_started(name, server, options)):
        raise RingwayError(f"{name} could not be served; the reason is printed above.")


def _tell_of_models(name: str, folder: Path) -> None:
    """Says that nothing was pushed yet, which the server waits for; refuses unknown names."""
    if not folder.is_dir():
        configuration.named(name)
    if not folder.is_dir() or not any(folder.iterdir()):
        click.echo(f"Nothing is pushed to {folder} yet; waiting for `ringway run {name}`.")


def _options(name: str, workspace: Workspace, chosen: dict[str, Any]) -> ServerOptions:
    from serving.server.options import ServerOptions

    folder = chosen["request_log"] or workspace.request_log_root(name)
    return ServerOptions(
        host=chosen["host"],
        port=chosen["port"],
        rest_api_port=chosen["rest_port"],
        model_name=name,
        model_base_path=str(workspace.model_root(name)),
        model_config_file=chosen["model_config"] or "",
        model_config_file_poll_wait_seconds=5,
        backend=chosen["backend"],
        device=chosen["device"],
        model_workers=chosen["workers"] or 0,
        max_pending_requests=chosen["max_pending"],
        enable_batching=bool(chosen["batching"]),
        batching_parameters_file=chosen["batching"] or "",
        request_log=str(Path(folder).absolute() / name) if chosen["log_rate"] else "",
        request_log_sampling_rate=chosen["log_rate"],
        ssl_config_file=chosen["tls"] or "",
        rest_tls=bool(chosen["tls"]),
        api_keys_file=chosen["api_keys"] or "",
        rollout_dir=str(workspace.rollout_root(name).absolute()),
        rollout_prediction_output=_prediction_output(name),
        backend_model_base_path=chosen["backend_model_path"],
        prometheus_metrics=True,
        enable_grpc_healthcheck_service=True,
        enable_profiler=False,  # it writes where a caller says, and opens a port of its own
    )


def _prediction_output(name: str) -> str:
    """Returns the output that stands for the prediction; empty where NAME is no pipeline."""
    try:
        return configuration.named(name).skew.prediction_output
    except RingwayError:
        return ""  # a model of a server behind, or a configuration that serving does not need


def _tell_started(name: str, server: ModelServer, options: ServerOptions) -> None:
    host = options.host or "localhost"
    click.echo(f"{name} is served. Ctrl-C stops it.")
    click.echo(f"  gRPC         {host}:{server.grpc_port}")
    if server.rest_port:
        scheme = "https" if options.rest_tls else "http"
        click.echo(f"  REST         {scheme}://{host}:{server.rest_port}/v1/models/{name}")
    log = options.request_log or "none (--log-rate 0)"
    click.echo(f"  request log  {log}")
