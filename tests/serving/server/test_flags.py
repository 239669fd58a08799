"""The command line, flag by flag as tensorflow_model_server has it.

The table was written from TensorFlow Serving's `model_servers/main.cc` and `server.h`.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

from serving.server.flags import EXIT_FAILURE, ServerOptions, check, failure, parse, usage
from serving.wire.errors import ServingError, invalid

CPUS = len(os.sched_getaffinity(0))

DEFAULTS = {
    "port": 8500,
    "grpc_socket_path": "",
    "rest_api_port": 0,
    "rest_api_num_threads": 4 * CPUS,
    "rest_api_timeout_in_ms": 30000,
    "rest_api_enable_cors_support": False,
    "enable_batching": False,
    "allow_version_labels_for_unavailable_models": False,
    "batching_parameters_file": "",
    "enable_per_model_batching_parameters": False,
    "model_config_file": "",
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "model_base_path": "",
    "num_load_threads": 0,
    "num_unload_threads": 0,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60000000,
    "file_system_poll_wait_seconds": 1,
    "flush_filesystem_caches": True,
    "tensorflow_session_parallelism": 0,
    "tensorflow_session_config_file": "",
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_inter_op_parallelism": 0,
    "use_alts_credentials": False,
    "ssl_config_file": "",
    "platform_config_file": "",
    "per_process_gpu_memory_fraction": 0.0,
    "saved_model_tags": "serve",
    "grpc_channel_arguments": "",
    "grpc_max_threads": 4 * CPUS,
    "enable_model_warmup": True,
    "num_request_iterations_for_warmup": 0,
    "version": False,
    "monitoring_config_file": "",
    "remove_unused_fields_from_bundle_metagraph": True,
    "prefer_tflite_model": False,
    "num_tflite_pools": CPUS,
    "num_tflite_interpreters_per_pool": 1,
    "enable_signature_method_name_check": False,
    "xla_cpu_compilation_enabled": False,
    "xla_gpu_compilation_enabled": False,
    "enable_profiler": True,
    "thread_pool_factory_config_file": "",
    "mixed_precision": "",
    "skip_initialize_tpu": False,
    "enable_grpc_healthcheck_service": False,
    "enable_serialization_as_tensor_content": False,
}
INT64 = {
    "load_retry_interval_micros",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
}


def test_every_flag_of_tensorflow_model_server_has_its_default():
    theirs = [f.name for f in dataclasses.fields(ServerOptions) if not f.metadata["own"]]
    assert theirs == list(DEFAULTS)
    assert len(DEFAULTS) == 48
    options = parse([]).options
    found = {name: getattr(options, name) for name in theirs}
    assert found == DEFAULTS
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in DEFAULTS.items()
    }


@pytest.mark.parametrize("name", DEFAULTS.keys() - {"version"})
def test_every_flag_is_read(name):
    given, read = {
        bool: (f"--{name}={str(not DEFAULTS[name]).lower()}", not DEFAULTS[name]),
        int: (f"--{name}=17", 17),
        float: (f"--{name}=0.25", 0.25),
        str: (f"--{name}=a=b", "a=b"),
    }[type(DEFAULTS[name])]
    parsed = parse([given])
    assert getattr(parsed.options, name) == read
    assert (parsed.stdout, parsed.exit_code) == ("", None)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--port=0"], "port", 0),
        (["--port=-1"], "port", -1),
        (["--port= 9"], "port", 9),
        (["--port=+9"], "port", 9),
        (["--port=1", "--port=2"], "port", 2),
        (["--load_retry_interval_micros=9000000000"], "load_retry_interval_micros", 9 * 10**9),
        (["--enable_batching"], "enable_batching", True),
        (["--enable_batching=TRUE"], "enable_batching", True),
        (["--enable_batching=1"], "enable_batching", True),
        (["--enable_profiler=False"], "enable_profiler", False),
        (["--enable_profiler=0"], "enable_profiler", False),
        (["--model_name="], "model_name", ""),
        (["--per_process_gpu_memory_fraction=1"], "per_process_gpu_memory_fraction", 1.0),
        (["--per_process_gpu_memory_fraction=1e-1"], "per_process_gpu_memory_fraction", 0.1),
    ],
)
def test_values_are_read_as_there(arguments, name, value):
    parsed = parse(arguments)
    assert getattr(parsed.options, name) == value
    assert parsed.exit_code is None


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--port=x", "Couldn't interpret value x for flag port."),
        ("--port=", "Couldn't interpret value  for flag port."),
        ("--port=8500 ", "Couldn't interpret value 8500  for flag port."),
        ("--port=1.5", "Couldn't interpret value 1.5 for flag port."),
        ("--port=1_0", "Couldn't interpret value 1_0 for flag port."),
        ("--port=2147483648", "Couldn't interpret value 2147483648 for flag port."),
        ("--enable_batching=yes", "Couldn't interpret value yes for flag enable_batching."),
        ("--enable_batching=", "Couldn't interpret value  for flag enable_batching."),
        (
            "--load_retry_interval_micros=9223372036854775808",
            "Couldn't interpret value 9223372036854775808 for flag load_retry_interval_micros.",
        ),
        (
            "--per_process_gpu_memory_fraction=half",
            "Couldn't interpret value half for flag per_process_gpu_memory_fraction.",
        ),
    ],
)
def test_a_bad_value_prints_the_usage_and_ends(argument, complaint):
    parsed = parse(["--enable_batching", argument], program="server")
    assert parsed.exit_code == EXIT_FAILURE == 255
    assert parsed.messages == (complaint,)
    assert parsed.stdout == usage("server")


def test_help_prints_the_usage_and_ends():
    parsed = parse(["--port=1", "--help", "--bogus"])
    assert (parsed.exit_code, parsed.stdout, parsed.messages) == (255, usage(), ())


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["--bogus=1"], "--bogus=1"),
        (["--port", "8501"], "--port"),  # a value must follow with =
        (["-port=8501"], "-port=8501"),
        (["port=8501"], "port=8501"),
        (["stray", "--help"], "stray"),
        (["--enable_batchings"], "--enable_batchings"),
        (["--", "--port=8501"], "--"),
        ([""], ""),
    ],
)
def test_an_unknown_argument_is_told_and_the_server_starts(arguments, first):
    parsed = parse([*arguments, "--model_name=m"] if first != "--" else arguments)
    assert parsed.exit_code is None
    assert parsed.stdout == f"unknown argument: {first}\n{usage()}"
    assert parsed.options.port == 8500
    assert parsed.options.model_name == ("default" if first == "--" else "m")


def test_the_version_is_two_lines():
    parsed = parse(["--version", "--bogus"], versions=lambda: ("1.2", "2.21.0"))
    assert parsed.exit_code == 0
    assert parsed.stdout == "TensorFlow ModelServer: Ringway 1.2\nTensorFlow Library: 2.21.0\n"
    assert parse(["--version"]).stdout.count("\n") == 2
    assert parse(["--version", "--port=x"]).exit_code == 255


def test_the_usage_has_a_line_per_flag_and_ours_apart():
    lines = usage("server").split("\n")
    assert lines[:2] == ["usage: server", "Flags:"]
    heading = lines.index("Flags of Ringway:")
    assert heading == 2 + 48
    names = [line.strip().removeprefix("--").partition("=")[0] for line in lines[2:heading]]
    assert names == list(DEFAULTS)
    shown = {line.split("\t")[1].rstrip(): line.split("\t")[2] for line in lines[2:heading]}
    assert shown["--port=8500"] == "int32"
    assert shown['--model_name="default"'] == "string"
    assert shown["--enable_profiler=true"] == "bool"
    assert shown["--per_process_gpu_memory_fraction=0.000000"] == "float"
    assert {
        flag.strip("-").partition("=")[0] for flag, kind in shown.items() if kind == "int64"
    } == (INT64)
    ours = [line.strip().removeprefix("--").partition("=")[0] for line in lines[heading + 1 : -1]]
    assert {"host", "backend", "device", "api_keys_file", "drain_grace_seconds"} <= set(ours)


def test_a_rest_port_that_is_taken_by_grpc_is_skipped():
    parsed = parse(["--port=8500", "--rest_api_port=8500"])
    assert not parsed.options.rest_enabled
    assert len(parsed.messages) == 1
    assert "cannot be same as grpc_port" in parsed.messages[0]
    assert not parse([]).options.rest_enabled
    assert parse([]).messages == ()
    assert parse(["--rest_api_port=8501"]).options.rest_enabled


GOOD = ["--model_base_path=/m"]


@pytest.mark.parametrize(
    "arguments",
    [
        GOOD,
        ["--model_config_file=/c"],
        ["--backend=grpc://tf-serving:8500"],
        [*GOOD, "--port=0", "--grpc_socket_path=/s"],
        [*GOOD, "--enable_batching", "--batching_parameters_file=/b"],
        [*GOOD, "--tensorflow_intra_op_parallelism=2", "--tensorflow_inter_op_parallelism=2"],
        [*GOOD, "--ssl_config_file=/s", "--rest_tls"],
        [*GOOD, "--grpc_channel_arguments=grpc.max_connection_age_ms=2000"],
    ],
)
def test_what_goes_together_may_start(arguments):
    check(parse(arguments).options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [*GOOD, "--port=0"],
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be "
            "set.",
        ),
        (
            [],
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            [*GOOD, "--batching_parameters_file=/b"],
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            [*GOOD, "--use_alts_credentials", "--ssl_config_file=/s"],
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            [
                *GOOD,
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
                "--tensorflow_session_parallelism=1",
            ],
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. "
            "You cannot configure all.",
        ),
        (
            [*GOOD, "--grpc_channel_arguments=grpc.x"],
            "server_options.grpc_channel_arguments is expected as name=value,name=value; "
            "got part 'grpc.x'.",
        ),
        (["--backend=host:1"], "--backend is expected as grpc://host:port; got 'host:1'."),
        ([*GOOD, "--rest_tls"], "--rest_tls needs a certificate: set --ssl_config_file too."),
        (
            [*GOOD, "--request_log_sampling_rate=nan"],
            "--request_log_sampling_rate is expected from 0 to 1; got nan.",
        ),
        ([*GOOD, "--max_message_bytes=0"], "--max_message_bytes is expected to be at least 1."),
        (
            [*GOOD, "--drain_grace_seconds=-1"],
            "--drain_grace_seconds is expected to be at least 0.",
        ),
    ],
)
def test_what_cannot_be_served_is_refused(arguments, message):
    with pytest.raises(ServingError) as caught:
        check(parse(arguments).options)
    assert (caught.value.code.name, caught.value.message) == ("INVALID_ARGUMENT", message)


def test_a_failed_start_is_told_in_one_line():
    assert failure(invalid("no")) == "Failed to start server. Error: INVALID_ARGUMENT: no\n"


def test_channel_arguments_and_tags_are_taken_apart():
    options = parse(
        ["--grpc_channel_arguments=a.b=2000,c=-1,d=x=y,", "--saved_model_tags=serve,gpu"]
    ).options
    assert options.channel_arguments == {"a.b": 2000, "c": -1, "d": "x=y"}
    assert options.saved_model_tag_set == {"serve", "gpu"}
    assert parse([]).options.channel_arguments == {}


def test_reading_the_command_line_needs_no_tensorflow():
    code = (
        "import sys; from serving.server.flags import parse; parse(['--version']);"
        "print([m for m in ('tensorflow', 'tfx', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
