"""The models of this process: TensorFlow, its threads, and the manager over them.

Started once per server. Which versions there are is for `serving.server.models`, computing for
`serving.backends.local`, merging requests for `serving.server.batching`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from serving.backends.servable import Loader
from serving.monitoring.metrics import ServerMetrics
from serving.server import config_files
from serving.server.batching.options import BatchingOptions
from serving.server.batching.reports import BatchReport
from serving.server.batching.threads import BatchThreads
from serving.server.local_plane import LocalPlane
from serving.server.models.config import ModelConfig
from serving.server.models.manager import ManagerOptions, ModelManager
from serving.server.models.states import State
from serving.server.options import ServerOptions, schedulable_cpus
from serving.server.request_logs import RequestLogs
from serving.server.served_model import BatchingLoader
from serving.wire.errors import ServingError

_OnWarmup = Callable[[Path, float, ServingError | None], None]

_MICROS = 1e6
_RUNTIME = "TF"
_UNLOAD_SEC = 10.0
# After a start all that a rollout needs should answer before the first request is dealt; a
# candidate that fails to load and is tried again is not waited for longer.
_PINNED_SEC = 30.0


class LocalModels:
    """Loads and serves the models of a command line.

    Args:
        options: The command line.
        metrics: Is told of loads, states and batches.
        logs: Is told of the models' logging configuration.
        pins: Versions to serve whatever policies say, by model (`ModelManager.pin`); None where
            nobody will ever pin any.

    Raises:
        ServingError: A file that the options name cannot be used.
    """

    def __init__(
        self,
        options: ServerOptions,
        metrics: ServerMetrics,
        logs: RequestLogs,
        pins: Mapping[str, Collection[int]] | None = None,
    ) -> None:
        self._options = options
        self._pins = pins
        self._metrics = metrics
        self._logs = logs
        self._batching = _batching(options)
        self._loop = asyncio.get_running_loop()
        self._following: asyncio.Task[None] | None = None
        self._threads: BatchThreads | None = None
        self._manager: ModelManager | None = None
        self._names: set[str] = set()

    @property
    def versions(self) -> ModelManager:
        """What holds the versions; there once `start` has returned."""
        assert self._manager is not None
        return self._manager

    def knows(self, model: str) -> bool:
        """Returns whether there ever was a version of a model; for the event loop."""
        return model in self._names

    async def start(self) -> LocalPlane:
        """Loads the models; returns when each has a version that serves.

        Raises:
            ServingError: A configuration or a model is refused.
        """
        models = config_files.models(self._options)
        loader = await self._loop.run_in_executor(
            None, _tensorflow_loader, self._options, self._on_warmup
        )
        self._threads = BatchThreads(self._workers(), name=self._batching.thread_pool_name)
        batching = BatchingLoader(
            loader=loader,
            batching=self._batching,
            per_model=self._options.enable_per_model_batching_parameters,
            threads=self._threads,
            loop=self._loop,
            cpus=schedulable_cpus(),
            max_pending_requests=self._options.max_pending_requests or sys.maxsize,
            on_batch=self._on_batch,
            on_load=self._on_load,
            background=self._pins is not None,
        )
        self._manager = ModelManager(
            batching, ManagerOptions.of(self._options), accept=self._configure_logs
        )
        self._manager.subscribe(self._on_change)
        self._manager.pin(self._pins or {})
        await self._manager.start(models)
        await self._manager.settled(_PINNED_SEC)
        self._follow_file()
        return LocalPlane(
            self._manager,
            check_method_name=self._options.enable_signature_method_name_check,
            outputs_as_content=self._options.enable_serialization_as_tensor_content,
            counters=self._metrics.counters,
        )

    async def close(self) -> None:
        """Unloads every model, once its calls have ended, and ends the threads.

        Raises:
            TimeoutError: A load or a call does not end.
        """
        if self._following is not None:
            self._following.cancel()
        async with asyncio.timeout(_UNLOAD_SEC):
            if self._manager is not None:
                await self._manager.stop()
            if self._threads is not None:
                await asyncio.to_thread(self._threads.close)

    def _workers(self) -> int:
        # The event loop needs a core of its own; with two threads one slow model holds up no other.
        own = max(2, schedulable_cpus() - 1)
        return self._options.model_workers or self._batching.num_batch_threads or own

    def _configure_logs(self, configs: Mapping[str, ModelConfig]) -> None:
        self._logs.configure(
            {
                name: config.logging_config
                for name, config in configs.items()
                if config.logging_config is not None
            }
        )

    def _follow_file(self) -> None:
        interval, file = (
            self._options.model_config_file_poll_wait_seconds,
            self._options.model_config_file,
        )
        if file and interval > 0 and self._manager is not None:
            self._following = self._loop.create_task(
                config_files.follow_models(file, interval, self._manager.apply)
            )

    def _on_change(self, model: str, version: int, state: State) -> None:
        self._names.add(model)
        for other in State:
            self._metrics.model_version_state.set(
                model, str(version), other.name, value=int(other is state)
            )

    def _on_batch(self, model: str, version: int, report: BatchReport) -> None:
        labels = (model, str(version), report.signature)
        metrics = self._metrics
        metrics.wrapped_run_count.add(*labels)
        metrics.batch_size.observe(*labels, value=report.batch_size)
        metrics.padding_size.observe(*labels, value=report.padded_rows)
        metrics.runtime_latency.observe(
            model, "Predict", _RUNTIME, *labels[1:], value=report.run_time_sec * _MICROS
        )
        for waited in report.queue_time_sec:
            metrics.queuing_latency.observe(*labels, value=waited * _MICROS)

    def _on_load(self, folder: Path, seconds: float, failure: BaseException | None) -> None:
        """Called in a load thread; counted on the loop, which alone writes metrics."""
        status = "success" if failure is None else "fail"

        def count() -> None:
            self._metrics.load_attempts.add(str(folder), status)
            self._metrics.load_latency.add(str(folder), amount=int(seconds * _MICROS))

        self._loop.call_soon_threadsafe(count)

    def _on_warmup(self, folder: Path, seconds: float, failure: ServingError | None) -> None:
        """As `_on_load`."""
        status = "success" if failure is None else "fail"

        def count() -> None:
            self._metrics.warmup_latency.observe(str(folder), status, value=seconds * _MICROS)

        self._loop.call_soon_threadsafe(count)


def _batching(options: ServerOptions) -> BatchingOptions:
    if not options.batching_parameters_file:
        return BatchingOptions()
    message = config_files.batching_parameters(options.batching_parameters_file)
    return BatchingOptions.from_message(message, cpus=schedulable_cpus())


def _tensorflow_loader(options: ServerOptions, on_warmup: _OnWarmup) -> Loader:
    """Imports TensorFlow, which takes seconds, and returns what loads with it."""
    from serving.backends.local.loader import LocalLoader
    from serving.backends.local.options import LocalOptions

    return LocalLoader(
        LocalOptions(
            tags=options.saved_model_tag_set,
            session_parallelism=options.tensorflow_session_parallelism,
            intra_op=options.tensorflow_intra_op_parallelism,
            inter_op=options.tensorflow_inter_op_parallelism,
            session_config_file=_path(options.tensorflow_session_config_file),
            device=options.device,
            gpu_memory_fraction=options.per_process_gpu_memory_fraction,
            mixed_precision=options.mixed_precision,
            prefer_tflite=options.prefer_tflite_model,
            tflite_pools=options.num_tflite_pools,
            tflite_interpreters_per_pool=options.num_tflite_interpreters_per_pool,
            enable_warmup=options.enable_model_warmup,
            warmup_iterations=options.num_request_iterations_for_warmup,
        ),
        on_warmup=on_warmup,
    )


def _path(name: str) -> Path | None:
    return Path(name) if name else None
