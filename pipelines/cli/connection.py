"""What commands that ask a model server have in common: options, the client, what errors mean."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipelines.errors import RingwayError, UsageError

if TYPE_CHECKING:
    from serving.client import Client, ClientError, Tls

DEFAULT_SERVER = "127.0.0.1:8500"

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--server",
        "servers",
        multiple=True,
        envvar="RINGWAY_SERVER",
        metavar="HOST:PORT",
        help=f"Model server, grpcs:// for TLS; may be given again. [RINGWAY_SERVER, "
        f"or {DEFAULT_SERVER}]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for each answer.",
    ),
    click.option(
        "--tls-ca", type=click.Path(path_type=Path), help="PEM file of the authorities to trust."
    ),
    click.option(
        "--tls-cert", type=click.Path(path_type=Path), help="PEM file of a certificate to show."
    ),
    click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file of its key."),
    click.option(
        "--api-key-file",
        type=click.Path(path_type=Path),
        help="File that holds the API key, in its first line that is no # comment.",
    ),
    click.option(
        "--insecure-api-key", is_flag=True, help="Send the key over a network without TLS, too."
    ),
)


def server_options(command: Command) -> Command:
    """Adds the options of this module; their values make a `ServerOptions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Values of the options of this module.

    Attributes:
        servers: As for `serving.client.Client`; none means `DEFAULT_SERVER`.
        timeout: Seconds for each call.
        tls_ca: As for `serving.client.Tls`, as the two below.
        tls_cert: The client's own certificate.
        tls_key: Its key.
        api_key_file: File of the key, or None.
        insecure_api_key: Whether the key may go over a network without TLS.
    """

    servers: tuple[str, ...]
    timeout: float
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    api_key_file: Path | None
    insecure_api_key: bool


@contextlib.contextmanager
def connected(model: str, options: ServerOptions) -> Iterator[Client]:
    """Yields a client made of the options; what it raises becomes a `RingwayError`.

    Args:
        model: Name of the model that is asked about, for messages.
        options: How to reach the server.

    Raises:
        UsageError: An option is wrong.
        RingwayError: The server cannot be reached, or says no.
    """
    # gRPC's core would write its own lines between ours; all that matters is in its errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from serving.client import Client, ClientError

    servers = options.servers or (DEFAULT_SERVER,)
    try:
        client = Client(
            *servers,
            tls=_tls(options),
            api_key=_api_key(options.api_key_file),
            allow_insecure_api_key=options.insecure_api_key,
            timeout_sec=options.timeout,
        )
    except ClientError as error:
        raise UsageError(error.message) from error
    with client:
        try:
            yield client
        except ClientError as error:
            raise explained(error, model, ", ".join(servers)) from error


def explained(error: ClientError, model: str, server: str) -> RingwayError:
    """Returns what a failed call means to whoever typed the command.

    Args:
        error: As the client raised it.
        model: Name of the model that was asked about.
        server: Where it was asked for.
    """
    code = error.code.name
    if code == "UNAVAILABLE":
        return RingwayError(
            f"no answer from a model server at {server}: {error.message}",
            remedy=f"Start one with: ringway serve {model}; or name another with --server.",
        )
    remedies = {
        "NOT_FOUND": f"Check the name and version, or serve it with: ringway serve {model}",
        "FAILED_PRECONDITION": f"See the model's signatures with: ringway status {model}",
        "INVALID_ARGUMENT": f"See what the model takes with: ringway status {model}",
        "DEADLINE_EXCEEDED": "Give it more time with --timeout SECONDS.",
        "UNAUTHENTICATED": "Name the file of a key that the server knows with --api-key-file.",
    }
    sent = f" (request {error.request_id})" if error.request_id else ""
    return RingwayError(
        f"model {model!r} at {server}: {code}: {error.message}{sent}",
        remedy=remedies.get(code, ""),
    )


def _tls(options: ServerOptions) -> Tls | None:
    from serving.client import Tls

    if options.tls_ca or options.tls_cert or options.tls_key:
        return Tls(ca=options.tls_ca, certificate=options.tls_cert, key=options.tls_key)
    return None


def _api_key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {path}: cannot be read: {error}") from error
    keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise UsageError(
            f"--api-key-file {path}: expected a key, found none",
            remedy="Write the key into that file, on a line of its own.",
        )
    return keys[0]
