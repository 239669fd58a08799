"""How a client is connected: TLS, retries, balancing, keep-alive, sizes.

All of it is gRPC's own. Calls that end in UNAVAILABLE, and only those, are made again, up to
`MAX_ATTEMPTS` times in all: after 50 ms, 100 ms, 200 ms and 400 ms, each a little more or less by
chance so that clients do not come back at the same moment, and never past the call's deadline.
When many calls fail, a budget is used up that successes refill (`retryThrottling`): clients do not
multiply the load of servers that are down. A server that answers "do not retry" (trailing metadata
`grpc-retry-pushback-ms: -1`) is heeded.

Calls go to all addresses in turn (`round_robin`), and pass by those that do not answer.

Source: gRFC A6 (client retries), gRFC A8 (keep-alive), gRPC's service config.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc

from serving.client.errors import ClientError, client_error, refused
from serving.client.targets import Target
from serving.wire.errors import StatusCode
from serving.wire.messages import MODEL_SERVICE, PREDICTION_SERVICE
from serving.wire.request_id import HEADER

MAX_ATTEMPTS = 5  # gRPC makes no more, whatever it is told

_KEEPALIVE_TIMEOUT_MS = 20_000
_INT_MAX = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Keys and certificates, each a path to a PEM file or the PEM itself as bytes.

    Attributes:
        ca: Whom to trust; None for the authorities that gRPC ships.
        certificate: The client's own, where the server asks for one (mutual TLS); with `key`.
        key: Its private key.
        server_name: Name that the server's certificate has to hold, where that is not the host's:
            behind an address, or with several servers of different names.
    """

    ca: str | os.PathLike[str] | bytes | None = None
    certificate: str | os.PathLike[str] | bytes | None = None
    key: str | os.PathLike[str] | bytes | None = None
    server_name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is needed to open a channel.

    Attributes:
        uri: Where to, in gRPC's syntax.
        credentials: For TLS; None for none.
        options: Of the channel.
    """

    uri: str
    credentials: grpc.ChannelCredentials | None
    options: list[tuple[str, Any]]


def plan(
    target: Target,
    *,
    tls: Tls | None,
    has_key: bool,
    allow_insecure_key: bool,
    attempts: int,
    keepalive_sec: float | None,
) -> Plan:
    """Decides how to connect.

    An API key is a password. Without TLS it is sent only where nobody can read along: to this
    machine's own addresses and sockets, unless the caller says otherwise.

    Args:
        target: Where to.
        tls: Keys and certificates, or None.
        has_key: Whether calls will carry an API key.
        allow_insecure_key: Whether that may go over a network without TLS.
        attempts: As for `service_config`.
        keepalive_sec: As for `options`.

    Raises:
        InvalidRequest: The arguments contradict each other, or one of them is wrong.
    """
    if target.secure is False and tls is not None:
        raise refused("grpc:// means no TLS, but a Tls was given; write grpcs://, or drop one.")
    if target.secure and tls is None:
        tls = Tls()
    if has_key and tls is None and not target.local and not allow_insecure_key:
        raise refused(
            f"An API key would go to {target.uri} unencrypted. Use TLS (grpcs:// or tls=Tls(…)), "
            "or say allow_insecure_api_key=True where the network is trusted."
        )
    name = (tls.server_name or target.server_name) if tls else ""
    if tls and not name and "," in target.uri:
        raise refused(
            "Several servers of different names need Tls(server_name=…), the name that all their "
            "certificates hold."
        )
    return Plan(
        uri=target.uri,
        credentials=credentials(tls) if tls else None,
        options=options(target, server_name=name, attempts=attempts, keepalive_sec=keepalive_sec),
    )


def failure(
    code: grpc.StatusCode, details: str | None, metadata: Iterable[Any], request_id: str
) -> ClientError:
    """Returns the error for a call that failed.

    Args:
        code: Its status.
        details: The server's text, or gRPC's own.
        metadata: All that came back, as pairs.
        request_id: The one that was sent.
    """
    status = StatusCode(code.value[0])
    return client_error(status, details or "", returned_request_id(metadata, request_id))


def returned_request_id(metadata: Iterable[Any], request_id: str) -> str:
    """Returns the request id among metadata, or else the one that was sent."""
    for key, value in metadata:
        if key == HEADER and isinstance(value, str) and value:
            return value
    return request_id


def service_config(attempts: int = MAX_ATTEMPTS) -> str:
    """Returns gRPC's configuration of retries and balancing, as JSON.

    Args:
        attempts: How often a call is made at most, 1 to `MAX_ATTEMPTS`; 1 for no retries.

    Raises:
        InvalidRequest: There is no such number of attempts.
    """
    if not 1 <= attempts <= MAX_ATTEMPTS:
        raise refused(f"Expected 1 to {MAX_ATTEMPTS} attempts, received {attempts}.")
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if attempts > 1:
        services = [{"service": PREDICTION_SERVICE}, {"service": MODEL_SERVICE}]
        policy = {
            "maxAttempts": attempts,
            "initialBackoff": "0.05s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config["methodConfig"] = [{"name": services, "retryPolicy": policy}]
        config["retryThrottling"] = {"maxTokens": 100, "tokenRatio": 0.1}
    return json.dumps(config)


def options(
    target: Target, *, server_name: str, attempts: int, keepalive_sec: float | None
) -> list[tuple[str, Any]]:
    """Returns the options of a channel.

    Args:
        target: Where it leads.
        server_name: Whom a certificate has to name; "" for the host of the target.
        attempts: As for `service_config`.
        keepalive_sec: Seconds without traffic after which to see whether the server is there, also
            between calls; None for never.
    """
    chosen: list[tuple[str, Any]] = [
        ("grpc.service_config", service_config(attempts)),
        ("grpc.enable_retries", 1),
        # A larger request would be sent once only; 256 KiB by default.
        ("grpc.per_rpc_retry_buffer_size", _INT_MAX),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        # A server that comes back is found within two seconds, not two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        # Despite its name, how long one attempt may take, handshakes included; 20 s by default.
        ("grpc.min_reconnect_backoff_ms", 10_000),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # Clients with the same target share connections otherwise, and one's end is felt by all.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if target.local:
        chosen.append(("grpc.enable_http_proxy", 0))  # `http_proxy` is for what is elsewhere
    if server_name:
        chosen.append(("grpc.default_authority", server_name))
        chosen.append(("grpc.ssl_target_name_override", server_name))
    if keepalive_sec is not None:
        chosen += _keepalive(keepalive_sec)
    return chosen


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Reads keys and certificates.

    Raises:
        InvalidRequest: A file cannot be read, holds no PEM, or a certificate comes without its key.
    """
    if (tls.certificate is None) != (tls.key is None):
        raise refused("Expected Tls(certificate=…, key=…) together, received one of the two.")
    return grpc.ssl_channel_credentials(
        root_certificates=_pem(tls.ca, "ca"),
        private_key=_pem(tls.key, "key"),
        certificate_chain=_pem(tls.certificate, "certificate"),
    )


def _keepalive(seconds: float) -> list[tuple[str, Any]]:
    if not seconds >= 1:
        raise refused(f"Expected keepalive_sec of at least 1 second, received {seconds}.")
    return [
        ("grpc.keepalive_time_ms", int(min(seconds * 1000, _INT_MAX))),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def _pem(source: str | os.PathLike[str] | bytes | None, what: str) -> bytes | None:
    if source is None:
        return None
    if isinstance(source, bytes):
        pem, where = source, "bytes"
    else:
        where = os.fspath(source)
        try:
            pem = Path(source).read_bytes()
        except OSError as error:
            raise refused(f"Tls({what}={where!r}) cannot be read: {error.strerror}.") from error
    if b"-----BEGIN " not in pem:
        raise refused(f"Tls({what}=…): expected PEM (-----BEGIN …), received none in {where}.")
    return pem
