"""The model server as a whole: puts its parts together, starts them in order, ends them in order.

    request logs, metrics     models of this process, or a server behind
             └──────── Front ──────── DataPlane
               gRPC ──────┴────── REST

As in TensorFlow Serving the ports open only when every model has a version that answers. On a stop
calls that run are ended first, then models are unloaded, then the request log is completed.

Command lines are for `serving.server.flags`, signals and exit codes for `serving.server.program`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from serving.backends.remote.plane import RemotePlane
from serving.data_plane import DataPlane
from serving.monitoring.metrics import ServerMetrics
from serving.request_log.writer import RequestLog
from serving.server import config_files
from serving.server.api_keys import ApiKeys
from serving.server.front import Front
from serving.server.grpc.health import Health
from serving.server.grpc.reflection import Reflection
from serving.server.grpc.services import handlers
from serving.server.grpc.transport import Call, GrpcServer, UnaryHandler
from serving.server.local_models import LocalModels
from serving.server.options import MAX_MESSAGE_BYTES, ServerOptions
from serving.server.request_logs import RequestLogs
from serving.server.rest.server import RestOptions, RestServer
from serving.server.rollouts.rollouts import Rollouts
from serving.wire.messages import MODEL_SERVICE, POOL, PREDICTION_SERVICE, LoggingConfig

_LOGGER = logging.getLogger(__name__)
_LOG_CLOSE_SEC = 10.0
_ALL_IPV4 = "0.0.0.0"
_KEYS_CHECK_SEC = 5.0
_HEALTH_NAMES = ("", PREDICTION_SERVICE, MODEL_SERVICE)


class ModelServer:
    """One server; to be made, started and stopped in one event loop.

    Args:
        options: The command line.
        clock: Seconds since 1970 that requests are recorded at and rollouts go by; where it cannot
            be read, the last time that could be counts.

    Attributes:
        grpc_port: Where gRPC is served, None where it is not; known after `start`.
        rest_port: Where REST is served, None where it is not; known after `start`.

    Raises:
        ServingError: A file that the options name cannot be used.
    """

    def __init__(self, options: ServerOptions, *, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock if clock is time.time else _LastingClock(clock)
        self._loop = asyncio.get_running_loop()
        self._grpc_tls = config_files.tls(options.ssl_config_file, alpn=("h2",))
        self._rest_tls = (
            config_files.tls(options.ssl_config_file, alpn=("http/1.1",))
            if options.rest_tls
            else None
        )
        self._metrics_path = config_files.metrics_path(options.monitoring_config_file) or (
            config_files.DEFAULT_METRICS_PATH if options.prometheus_metrics else None
        )
        self._keys = ApiKeys(options.api_keys_file) if options.api_keys_file else None
        self._metrics = ServerMetrics()
        self._logs = RequestLogs(
            functools.partial(RequestLog.from_config, clock=self._clock, waiting=time.monotonic),
            default=_default_log(options),
            clock=self._clock,
        )
        self._rollouts = (
            Rollouts(
                options,
                metrics=self._metrics,
                logs=self._logs,
                now=self._clock,
            )
            if options.rollout_dir
            else None
        )
        self._health = Health()
        self._grpc: GrpcServer | None = None
        self._rest: RestServer | None = None
        self._front: Front | None = None
        self._knows: Callable[[str], bool] = lambda _: False
        self._close_backend: Callable[[], Awaitable[None]] | None = None
        self._close_profiler: Callable[[], Awaitable[None]] | None = None
        self._watching_keys: asyncio.Task[None] | None = None
        self.grpc_port: int | None = None
        self.rest_port: int | None = None

    async def start(self) -> None:
        """Loads the models, then opens the ports.

        Raises:
            ServingError: A model or a configuration is refused.
            OSError: A port is taken.
        """
        plane = await self._open_backend()
        front = Front(
            plane,
            metrics=self._metrics,
            logs=self._logs,
            clock=time.monotonic,
            max_pending=self._options.max_pending_requests,
            knows=self._knows,
        )
        self._front = front
        if self._keys is not None:
            self._watching_keys = self._loop.create_task(_refresh(self._keys))
        await self._start_grpc(front)
        await self._start_rest(front)
        for name in _HEALTH_NAMES:
            self._health.set(name, serving=True)

    async def stop(self) -> None:
        """Lets calls end within the grace period, then frees what was started.

        Raises:
            TimeoutError: A model could not be unloaded; the request log is complete all the same.
        """
        self._health.close()
        if self._watching_keys is not None:
            self._watching_keys.cancel()
        grace = float(self._options.drain_grace_seconds)
        started = [server for server in (self._grpc, self._rest) if server is not None]
        # Each is ended whatever became of those before; the last one here is the first to end.
        async with contextlib.AsyncExitStack() as ending:
            ending.push_async_callback(asyncio.to_thread, self._logs.close, _LOG_CLOSE_SEC)
            if self._close_backend is not None:
                ending.push_async_callback(self._close_backend)
            if self._rollouts is not None:
                ending.push_async_callback(self._rollouts.close)
            if self._close_profiler is not None:
                ending.push_async_callback(self._close_profiler)
            await asyncio.gather(*(server.drain(grace) for server in started))

    async def _open_backend(self) -> DataPlane:
        rollouts = self._rollouts
        pins = await rollouts.first() if rollouts else None
        if self._options.backend:
            remote = RemotePlane(
                self._options.backend, models=_configured(self._options), clock=self._loop.time
            )
            self._close_backend = remote.close
            return await rollouts.before_remote(remote) if rollouts else remote
        local = LocalModels(self._options, self._metrics, self._logs, pins)
        self._close_backend = local.close
        self._knows = local.knows
        plane = await local.start()
        return await rollouts.before(plane, local.versions) if rollouts else plane

    async def _start_grpc(self, front: Front) -> None:
        options = self._options
        services = [PREDICTION_SERVICE, MODEL_SERVICE]
        reflection = Reflection(services, POOL)
        unary = {**handlers(front), **self._profiler_handlers()}
        streams = dict(reflection.streams)
        open_methods: frozenset[str] = frozenset()
        if options.enable_grpc_healthcheck_service:
            unary |= self._health.unary
            streams |= self._health.streams
            open_methods = frozenset([*self._health.unary, *self._health.streams])
        self._grpc = GrpcServer(
            unary=unary,
            streams=streams,
            max_message_bytes=_argument(
                options, "grpc.max_receive_message_length", options.max_message_bytes
            ),
            max_concurrent_streams=_argument(options, "grpc.max_concurrent_streams", 1000),
            authenticate=self._authenticate_metadata if self._keys else None,
            open_methods=open_methods,
        )
        if options.port:
            self.grpc_port = await self._grpc.start_tcp(
                options.host or _ALL_IPV4, options.port, ssl_context=self._grpc_tls
            )
        if options.grpc_socket_path:
            await self._grpc.start_unix(options.grpc_socket_path)

    async def _start_rest(self, front: Front) -> None:
        options = self._options
        if not options.rest_enabled:
            return
        self._rest = RestServer(
            plane=front,
            options=RestOptions(
                timeout_ms=options.rest_api_timeout_in_ms,
                cors=options.rest_api_enable_cors_support,
                max_body_bytes=options.max_message_bytes,
            ),
            authenticate=self._keys.authenticate if self._keys else None,
            metrics_text=self._metrics_text if self._metrics_path else None,
            metrics_path=self._metrics_path or "",
            on_refused=front.refused,
        )
        self.rest_port = await self._rest.start(
            options.host, options.rest_api_port, ssl_context=self._rest_tls
        )

    def _authenticate_metadata(self, metadata: Mapping[str, str | bytes]) -> None:
        header = metadata.get("authorization")
        assert self._keys is not None
        self._keys.authenticate(header if isinstance(header, str) else None)

    def _profiler_handlers(self) -> dict[str, UnaryHandler]:
        if not self._options.enable_profiler or self._options.backend:
            return {}
        from serving.backends.local import profiler

        passed_on = profiler.Profiler()
        self._close_profiler = passed_on.close

        async def forward(name: str, body: bytes, _: Call) -> bytes:
            return await passed_on.forward(name, body)

        return {
            f"/{profiler.SERVICE}/{name}": functools.partial(forward, name)
            for name in profiler.METHODS
        }

    def _metrics_text(self) -> bytes:
        for prefix, counters in self._logs.counters():
            for outcome in ("written", "dropped_queue", "dropped_disk", "failed"):
                self._metrics.log_records.set(prefix, outcome, value=getattr(counters, outcome))
        if self._front is not None:
            self._metrics.pending_requests.set(value=self._front.pending)
        return self._metrics.text()


def _argument(options: ServerOptions, name: str, default: int) -> int:
    """Returns a setting of gRPC's: as there, -1 means no limit and what is no number is ignored."""
    value = options.channel_arguments.get(name, default)
    if not isinstance(value, int):
        _LOGGER.warning("--grpc_channel_arguments: %s is expected as a number; got %s", name, value)
        return default
    return value if value >= 0 else MAX_MESSAGE_BYTES


def _default_log(options: ServerOptions) -> object | None:
    if not options.request_log:
        return None
    return LoggingConfig(
        log_collector_config={"filename_prefix": options.request_log},
        sampling_config={"sampling_rate": options.request_log_sampling_rate},
    )


def _configured(options: ServerOptions) -> list[str]:
    if not options.model_config_file and options.model_name == "default":
        return []  # nobody named a model: the server behind has its own
    return [model.name for model in config_files.models(options).model_config_list.config]


class _LastingClock:
    """A clock that stands still where it cannot be read: a log must not end with a simulation."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()

    def __call__(self) -> float:
        try:
            self._last = self._clock()
        except (OSError, ValueError):
            _LOGGER.debug("the clock cannot be read", exc_info=True)
        return self._last


async def _refresh(keys: ApiKeys) -> None:
    while True:
        await asyncio.sleep(_KEYS_CHECK_SEC)
        await asyncio.to_thread(keys.refresh)
