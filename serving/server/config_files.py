"""Reads the files that flags name: text protos, as TensorFlow Serving takes them.

ModelServerConfig, BatchingParameters, MonitoringConfig and SSLConfig. What models to serve is
checked in `serving.server.models.config`, what batching parameters mean in
`serving.server.batching`; API keys are read in `serving.server.api_keys`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from serving.server.models.config import single_model
from serving.server.options import ServerOptions
from serving.wire import errors
from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import (
    POOL,
    BatchingParameters,
    ModelServerConfig,
    MonitoringConfig,
    SSLConfig,
)

_logger = logging.getLogger(__name__)

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"


def read(path: str, message_class: Any) -> Any:
    """Reads a message from a file of protobuf's text format.

    Args:
        path: The file.
        message_class: One of `serving.wire.messages`.

    Raises:
        ServingError: NOT_FOUND or another code for a file that cannot be read; INVALID_ARGUMENT
            for text that is no such message, with line and column in the log.
    """
    try:
        return text_format.Parse(_text(path), message_class(), descriptor_pool=POOL)
    except text_format.ParseError as error:
        name = message_class.DESCRIPTOR.full_name
        _logger.error("Error parsing text-format %s: %s (in %s)", name, error, path)
        raise errors.invalid(f"Invalid protobuf file: '{path}'") from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise errors.invalid(f"Invalid protobuf file: '{path}' is not UTF-8 ({error})") from error
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        code = StatusCode.NOT_FOUND if missing else StatusCode.FAILED_PRECONDITION
        reason = getattr(error, "strerror", None) or error
        raise ServingError(code, f"{path}; {reason}") from error


def models(options: ServerOptions) -> Any:
    """Returns the ModelServerConfig that the command line asks for.

    That of `--model_config_file`, or else the one model of `--model_name`.

    Raises:
        ServingError: The file cannot be read.
    """
    if options.model_config_file:
        return read(options.model_config_file, ModelServerConfig)
    return single_model(options.model_name, options.model_base_path)


def batching_parameters(path: str) -> Any:
    """Returns the BatchingParameters of a file.

    Raises:
        ServingError: The file cannot be read.
    """
    return read(path, BatchingParameters)


def metrics_path(path: str) -> str | None:
    """Returns where a MonitoringConfig file wants metrics served for Prometheus, or None.

    Args:
        path: The file; "" for none.

    Raises:
        ServingError: The file cannot be read, or INVALID_ARGUMENT for a path without a slash.
    """
    config = read(path, MonitoringConfig).prometheus_config if path else None
    if config is None or not config.enable:
        return None
    found = str(config.path) or DEFAULT_METRICS_PATH
    if not found.startswith("/"):
        raise errors.invalid(
            f"prometheus_config.path is expected to begin with '/'; got '{found}' in {path}"
        )
    return found


def tls(path: str, *, alpn: Sequence[str] = ()) -> ssl.SSLContext | None:
    """Returns what an SSLConfig file asks a server for, or None without a file.

    Args:
        path: The file, which holds key and certificates as PEM text; "" for none.
        alpn: Protocols to offer, as ("h2",) for gRPC.

    Raises:
        ServingError: The file cannot be read, or INVALID_ARGUMENT for PEM that cannot be used.
    """
    if not path:
        return None
    config = read(path, SSLConfig)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        _load_pair(context, config.server_key, config.server_cert)
        _trust(context, config)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise errors.invalid(
            f"SSLConfig in {path} cannot be used: {error}. Expected PEM text in server_key and "
            "server_cert that belong together, the key not encrypted, and PEM in custom_ca"
        ) from error
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _load_pair(context: ssl.SSLContext, key: str, certificate: str) -> None:
    if not key or not certificate:
        raise ValueError("server_key or server_cert is empty")
    # OpenSSL reads keys from files only; this one is in memory, so the key reaches no disk.
    descriptor = os.memfd_create("server-certificate")
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"{key}\n{certificate}\n".encode())
        file.flush()
        # A password, so that an encrypted key fails instead of asking at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="none")


def _trust(context: ssl.SSLContext, config: Any) -> None:
    if config.custom_ca:
        context.load_verify_locations(cadata=config.custom_ca)
    elif config.client_verify:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    if config.client_verify:
        context.verify_mode = ssl.CERT_REQUIRED


async def follow_models(
    path: str,
    interval_sec: float,
    apply: Callable[[Any], object],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Applies a ModelServerConfig file again and again; does not return.

    A file that cannot be read, and a configuration that is refused, are logged and leave the old
    one in place. It is applied at each look, as in TensorFlow Serving: so a label takes effect once
    its version serves, and the file wins over an earlier reload request.

    Args:
        path: The file.
        interval_sec: Seconds between two looks.
        apply: Takes the configuration without waiting, as `ModelManager.apply`.
        sleep: Waits between two looks.
    """
    complaint = ""
    while True:
        await sleep(interval_sec)
        before, complaint = complaint, await _apply(path, apply)
        if complaint and complaint != before:
            _logger.error("%s The configuration before it stays in force.", complaint)


async def _apply(path: str, apply: Callable[[Any], object]) -> str:
    try:
        config = await asyncio.to_thread(read, path, ModelServerConfig)
    except ServingError as error:
        return f"Failed to read ModelServerConfig file: {error.message}."
    try:
        apply(config)
    except ServingError as error:
        return f"The configuration in {path} is refused: {error.message}."
    except Exception as error:
        _logger.exception("The configuration in %s could not be applied", path)
        return f"The configuration in {path} could not be applied: {error!r}."
    return ""
