"""What the server can be told on its command line, with defaults, and what excludes what.

The names, defaults and meanings of the first part are those of `tensorflow_model_server`, so that
its command lines work unchanged; the second part is Ringway's own. Reading a command line is for
`serving.server.flags`, acting on it for those who are told.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from serving.wire import errors

_Value = TypeVar("_Value")

MAX_MESSAGE_BYTES = 2**31 - 1


def schedulable_cpus() -> int:
    """Returns how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def _threads() -> int:
    return 4 * schedulable_cpus()


def _flag(default: _Value, usage: str, *, wide: bool = False, ignored: bool = False) -> _Value:
    metadata = {"usage": usage, "wide": wide, "ignored": ignored, "own": False}
    field: Any = dataclasses.field(default=default, metadata=metadata)
    return field


def _cpu_flag(default: Callable[[], int], usage: str) -> int:
    metadata = {"usage": usage, "wide": False, "ignored": False, "own": False}
    field: Any = dataclasses.field(default_factory=default, metadata=metadata)
    return field


def _own(default: _Value, usage: str) -> _Value:
    metadata = {"usage": usage, "wide": False, "ignored": False, "own": True}
    field: Any = dataclasses.field(default=default, metadata=metadata)
    return field


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The whole command line; every field is the flag of that name.

    A field's metadata says what `serving.server.flags` prints about it (`usage`), whether it is a
    64-bit number (`wide`), accepted without effect (`ignored`), and Ringway's own (`own`).
    """

    port: int = _flag(8500, "TCP port for gRPC; 0 for none.")
    grpc_socket_path: str = _flag("", "Path of a UNIX socket to serve gRPC on as well.")
    rest_api_port: int = _flag(0, "TCP port for REST; 0 for none. Must differ from --port.")
    rest_api_num_threads: int = _cpu_flag(_threads, "Accepted; REST needs no threads here.")
    rest_api_timeout_in_ms: int = _flag(30000, "Longest time for one REST call.")
    rest_api_enable_cors_support: bool = _flag(False, "Add CORS headers to REST responses.")
    enable_batching: bool = _flag(False, "Batch as --batching_parameters_file says.")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "Let a label that is not in use yet name a version that is not available yet."
    )
    batching_parameters_file: str = _flag("", "File with BatchingParameters as text.")
    enable_per_model_batching_parameters: bool = _flag(
        False, "Take batching parameters from batching_params.pbtxt in each version's folder."
    )
    model_config_file: str = _flag(
        "", "File with ModelServerConfig as text: the models to serve, instead of --model_name."
    )
    model_config_file_poll_wait_seconds: int = _flag(
        0, "Seconds between two looks at --model_config_file; 0 for a single look."
    )
    model_name: str = _flag("default", "Name of the one model to serve.")
    model_base_path: str = _flag("", "Folder of that model, which holds a folder per version.")
    num_load_threads: int = _flag(0, "Threads that load versions; 0 for one at a time.")
    num_unload_threads: int = _flag(0, "Threads that unload versions; 0 for one at a time.")
    max_num_load_retries: int = _flag(5, "How often a failed load is tried again.")
    load_retry_interval_micros: int = _flag(
        60_000_000, "Microseconds between two tries to load; none if negative.", wide=True
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "Seconds between two looks for versions; 0 for a single look, negative for none."
    )
    flush_filesystem_caches: bool = _flag(True, "Accepted without effect.", ignored=True)
    tensorflow_session_parallelism: int = _flag(
        0, "Threads of TensorFlow, inter and intra op; 0 lets TensorFlow choose.", wide=True
    )
    tensorflow_session_config_file: str = _flag("", "File with TensorFlow's ConfigProto as text.")
    tensorflow_intra_op_parallelism: int = _flag(
        0, "Threads that work on one op; 0 lets TensorFlow choose.", wide=True
    )
    tensorflow_inter_op_parallelism: int = _flag(
        0, "Ops that run side by side; 0 lets TensorFlow choose.", wide=True
    )
    use_alts_credentials: bool = _flag(False, "Accepted without effect.", ignored=True)
    ssl_config_file: str = _flag("", "File with SSLConfig as text: serve gRPC over TLS.")
    platform_config_file: str = _flag("", "Accepted without effect.", ignored=True)
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "Share of a GPU's memory to take, from 0 to 1; 0 lets TensorFlow choose."
    )
    saved_model_tags: str = _flag("serve", "Tags of the graph to load, with commas between.")
    grpc_channel_arguments: str = _flag("", "Settings of gRPC, as name=value with commas between.")
    grpc_max_threads: int = _cpu_flag(_threads, "Accepted; gRPC needs no threads here.")
    enable_model_warmup: bool = _flag(True, "Replay a version's warm-up requests as it is loaded.")
    num_request_iterations_for_warmup: int = _flag(
        0, "How often each warm-up request is replayed; 0 for once."
    )
    version: bool = _flag(False, "Print versions and exit.")
    monitoring_config_file: str = _flag("", "File with MonitoringConfig as text.")
    remove_unused_fields_from_bundle_metagraph: bool = _flag(
        True, "Accepted without effect.", ignored=True
    )
    prefer_tflite_model: bool = _flag(False, "Serve model.tflite where a version has one.")
    num_tflite_pools: int = _cpu_flag(schedulable_cpus, "Pools of TFLite interpreters per model.")
    num_tflite_interpreters_per_pool: int = _flag(1, "TFLite interpreters in each pool.")
    enable_signature_method_name_check: bool = _flag(
        False, "Insist on a signature's method name in Classify and Regress."
    )
    xla_cpu_compilation_enabled: bool = _flag(False, "Accepted without effect.", ignored=True)
    xla_gpu_compilation_enabled: bool = _flag(False, "Accepted without effect.", ignored=True)
    enable_profiler: bool = _flag(True, "Serve tensorflow.ProfilerService.")
    thread_pool_factory_config_file: str = _flag("", "Accepted without effect.", ignored=True)
    mixed_precision: str = _flag("", "Mixed precision mode for graphs.")
    skip_initialize_tpu: bool = _flag(False, "Accepted without effect.", ignored=True)
    enable_grpc_healthcheck_service: bool = _flag(False, "Serve grpc.health.v1.")
    enable_serialization_as_tensor_content: bool = _flag(
        False, "Answer Predict with tensor_content instead of typed fields."
    )

    host: str = _own("", "Address to listen on; empty for every interface.")
    backend: str = _own("", "grpc://host:port of a TensorFlow Serving that computes instead.")
    device: str = _own("", "Where to compute: cpu, gpu:0; empty lets TensorFlow choose.")
    model_workers: int = _own(0, "Threads that compute batches; 0 chooses by cores.")
    max_pending_requests: int = _own(4096, "Requests that may wait; more are refused. 0: no bound.")
    max_message_bytes: int = _own(MAX_MESSAGE_BYTES, "Largest message taken, in bytes.")
    api_keys_file: str = _own("", "File with one API key per line; callers must show one.")
    request_log: str = _own("", "Prefix of the files that log requests of every model.")
    request_log_sampling_rate: float = _own(1.0, "Share of requests that --request_log keeps.")
    drain_grace_seconds: int = _own(30, "Longest time that calls may take to end on a stop.")
    prometheus_metrics: bool = _own(
        False, "Serve metrics on the REST port also without --monitoring_config_file."
    )
    rollout_dir: str = _own("", "Folder of orders for rollouts, and of reports about them.")
    rollout_prediction_output: str = _own(
        "", "Output of Predict that guards look at; empty: the only float output."
    )
    backend_model_base_path: str = _own(
        "", "The model's folder as --backend sees it: it is told which versions to load."
    )
    rest_tls: bool = _own(False, "Serve REST over TLS too, as --ssl_config_file says.")

    @property
    def rest_enabled(self) -> bool:
        """Whether REST is served; it is skipped where its port is gRPC's."""
        return self.rest_api_port not in {0, self.port}

    @property
    def saved_model_tag_set(self) -> frozenset[str]:
        """The tags of the graph to load."""
        return frozenset(filter(None, self.saved_model_tags.split(",")))

    @property
    def channel_arguments(self) -> Mapping[str, int | str]:
        """`grpc_channel_arguments` by name; whole numbers as int.

        Raises:
            ServingError: INVALID_ARGUMENT, a part is not `name=value`.
        """
        parts = filter(None, self.grpc_channel_arguments.split(","))
        return dict(_channel_argument(part) for part in parts)


def _channel_argument(part: str) -> tuple[str, int | str]:
    name, equals, value = part.partition("=")
    if not equals or not name:
        raise errors.invalid(
            "server_options.grpc_channel_arguments is expected as name=value,name=value; "
            f"got part '{part}'."
        )
    digits = value.removeprefix("-")
    return name, int(value) if digits.isascii() and digits.isdigit() else value


def check(options: ServerOptions) -> None:
    """Refuses combinations that cannot be served, in the words of `tensorflow_model_server`.

    Raises:
        ServingError: INVALID_ARGUMENT; `serving.server.flags.failure` makes the line to print.
    """
    for wrong, message in _conflicts(options):
        if wrong:
            raise errors.invalid(message)
    _ = options.channel_arguments


def _conflicts(options: ServerOptions) -> list[tuple[bool, str]]:
    parallelisms = (
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
        options.tensorflow_session_parallelism,
    )
    return [
        (
            options.port == 0 and not options.grpc_socket_path,
            "At least one of server_options.grpc_port or "
            "server_options.grpc_socket_path must be set.",
        ),
        (
            options.use_alts_credentials and bool(options.ssl_config_file),
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            not (options.model_base_path or options.model_config_file or options.backend),
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            bool(options.batching_parameters_file) and not options.enable_batching,
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            all(count > 0 for count in parallelisms),
            "Either configure server_options.tensorflow_session_parallelism "
            "or (server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. "
            "You cannot configure all.",
        ),
        *_own_conflicts(options),
    ]


def _own_conflicts(options: ServerOptions) -> list[tuple[bool, str]]:
    return [
        (
            bool(options.backend) and not options.backend.startswith("grpc://"),
            f"--backend is expected as grpc://host:port; got '{options.backend}'.",
        ),
        (
            bool(options.backend_model_base_path) and not (options.backend and options.rollout_dir),
            "--backend_model_base_path needs --backend and --rollout_dir.",
        ),
        (
            options.rest_tls and not options.ssl_config_file,
            "--rest_tls needs a certificate: set --ssl_config_file too.",
        ),
        (
            not 0 <= options.request_log_sampling_rate <= 1,
            "--request_log_sampling_rate is expected from 0 to 1; "
            f"got {options.request_log_sampling_rate}.",
        ),
        *(
            (getattr(options, name) < least, f"--{name} is expected to be at least {least}.")
            for name, least in _LEAST.items()
        ),
        *(
            (
                not 0 <= getattr(options, name) <= _MAX_PORT,
                f"--{name} is expected from 0 to {_MAX_PORT}; got {getattr(options, name)}.",
            )
            for name in ("port", "rest_api_port")
        ),
    ]


_MAX_PORT = 65_535
_LEAST = {
    "model_workers": 0,
    "max_pending_requests": 0,
    "max_message_bytes": 1,
    "drain_grace_seconds": 0,
}
