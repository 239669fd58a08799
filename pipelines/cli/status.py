"""`ringway status`: which versions of a model a server has, in what state, and what they take."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.connection import ServerOptions, connected, server_options
from pipelines.errors import RingwayError
from serving.wire.specs import TensorSpec
from serving.wire.tensors import dtype_name

if TYPE_CHECKING:
    from serving.client import Client, Metadata, VersionStatus


@click.command(
    name="status",
    epilog="""\b
Examples:
  ringway status taxi
  ringway status taxi --label canary --format json
  ringway status taxi --wait 60 --server models.example:8500

\b
Exit codes: 0 a version answers requests, 1 none does or there is no server, 2 wrong usage.
""",
)
@click.argument("model")
@click.option("--label", "labels", multiple=True, help="Show which version a label points to.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Wait until a version answers, so long at most.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
@server_options
def command(
    model: str, labels: Sequence[str], wait: float | None, output_format: str, **server: Any
) -> None:
    """Show the versions of MODEL that a server has, and what can be asked of it."""
    with connected(model, ServerOptions(**server)) as client:
        if wait is not None:
            _wait(client, model, wait)
        versions = client.status(model)
        available = any(version.available for version in versions)
        metadata = client.metadata(model) if available else None
        pointed = {label: _version_of(client, model, label) for label in labels}
    report = document(model, versions, pointed, metadata)
    if output_format == "json":
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        click.echo(text(report))
    sys.exit(0 if available else 1)


def _wait(client: Client, model: str, seconds: float) -> None:
    from serving.client import DeadlineExceeded

    try:
        client.wait_until_ready(model, timeout_sec=seconds)
    except DeadlineExceeded as error:
        raise RingwayError(
            error.message, remedy="Give it more time with --wait, or look at the server's log."
        ) from error


def document(
    model: str,
    versions: Sequence[VersionStatus],
    labels: Mapping[str, int | None],
    metadata: Metadata | None,
) -> dict[str, Any]:
    """Returns all that is known of a model as a JSON value.

    Args:
        model: Its name.
        versions: As the server tells.
        labels: The version that each of them points to; None where it points nowhere.
        metadata: Of the version that answers; None where none does.
    """
    return {
        "model": model,
        "available": any(version.available for version in versions),
        "versions": [
            {
                "version": version.version,
                "state": version.state,
                "code": version.code.name,
                "message": version.message,
            }
            for version in versions
        ],
        "labels": dict(labels),
        "answers": metadata.version if metadata else None,
        "signatures": {
            name: {"inputs": _specs(signature.inputs), "outputs": _specs(signature.outputs)}
            for name, signature in (metadata.signatures if metadata else {}).items()
        },
    }


def text(report: Mapping[str, Any]) -> str:
    """Returns the same for a reader."""
    lines = [f"{report['model']}: {'available' if report['available'] else 'not available'}"]
    for version in report["versions"]:
        error = f"  {version['code']}: {version['message']}" if version["code"] != "OK" else ""
        lines.append(f"  version {version['version']}  {version['state']}{error}")
    for label, version in report["labels"].items():
        lines.append(f"  label {label}  {f'version {version}' if version else 'points nowhere'}")
    if report["signatures"]:
        lines.append(f"signatures of version {report['answers']}:")
    for name, signature in report["signatures"].items():
        lines.append(f"  {name}")
        for side in ("inputs", "outputs"):
            lines += [f"    {side[:-1]:<6}  {key}: {spec}" for key, spec in signature[side].items()]
    return "\n".join(lines)


def _version_of(client: Client, model: str, label: str) -> int | None:
    from serving.client import FailedPrecondition, InvalidRequest, NotFound

    try:
        return client.metadata(model, label=label).version
    except (InvalidRequest, NotFound, FailedPrecondition):
        return None


def _specs(specs: Mapping[str, TensorSpec]) -> dict[str, str]:
    return {name: f"{dtype_name(spec.dtype)} {_shape(spec)}" for name, spec in specs.items()}


def _shape(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "(any shape)"
    return f"({', '.join('any' if size < 0 else str(size) for size in spec.shape)})"
