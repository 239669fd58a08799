"""The command line: what is printed where, exit statuses, and when the ports open."""

import shutil
import signal

import pytest
import saved_models
from model_server import ModelServer, ended, free_port, is_open, until

FLAGS = [
    "port",
    "grpc_socket_path",
    "rest_api_port",
    "rest_api_num_threads",
    "rest_api_timeout_in_ms",
    "rest_api_enable_cors_support",
    "enable_batching",
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_per_model_batching_parameters",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "model_name",
    "model_base_path",
    "num_load_threads",
    "num_unload_threads",
    "max_num_load_retries",
    "load_retry_interval_micros",
    "file_system_poll_wait_seconds",
    "flush_filesystem_caches",
    "tensorflow_session_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "use_alts_credentials",
    "ssl_config_file",
    "platform_config_file",
    "per_process_gpu_memory_fraction",
    "saved_model_tags",
    "grpc_channel_arguments",
    "grpc_max_threads",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "version",
    "monitoring_config_file",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "enable_signature_method_name_check",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
    "enable_profiler",
    "thread_pool_factory_config_file",
    "mixed_precision",
    "skip_initialize_tpu",
    "enable_grpc_healthcheck_service",
    "enable_serialization_as_tensor_content",
]


@pytest.fixture(scope="module")
def usage():
    found = ended("--help")
    assert found.returncode == 255
    return found.stdout


@pytest.mark.parametrize("flag", FLAGS)
def test_help_lists_every_flag(usage, flag):
    assert f"\t--{flag}=" in usage


@pytest.mark.parametrize("setting", ["port=8500", "rest_api_port=0", 'model_name="default"'])
def test_help_shows_defaults(usage, setting):
    assert f"\t--{setting} " in usage


@pytest.mark.parametrize("flag", ["--port=many", "--enable_batching=maybe", "--port="])
def test_a_bad_value_is_answered_by_the_usage(flag):
    found = ended(flag)
    assert found.returncode == 255
    assert "usage:" in found.stdout


def test_the_version_takes_two_lines():
    found = ended("--version")
    assert (found.returncode, len(found.stdout.splitlines())) == (0, 2)
    assert found.stdout.startswith("TensorFlow ModelServer: ")
    assert found.stdout.splitlines()[1].startswith("TensorFlow Library: ")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ["--port=0", "--model_base_path=/m"],
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be",
        ),
        ([], "Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (
            ["--model_base_path=/m", "--batching_parameters_file=/b"],
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            ["--model_base_path=/m", "--ssl_config_file=/s", "--use_alts_credentials"],
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            [
                "--model_base_path=/m",
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            "You cannot configure all.",
        ),
        (["--model_base_path=/m", "--port=70000"], "--port is expected from 0 to 65535"),
        (["--model_base_path=/m", "--rest_api_port=-1"], "--rest_api_port is expected from 0"),
        (["--model_base_path=relative"], "to have an absolute path or URI"),
        (["--model_config_file=/no/such/file"], "/no/such/file"),
    ],
)
def test_a_start_that_is_refused(flags, text):
    found = ended(*flags)
    assert found.returncode == 255
    assert "Failed to start server. Error: " in found.stdout
    assert text in found.stdout


def test_a_bad_configuration_is_told_on_stderr(tmp_path):
    (tmp_path / "models.txt").write_text("model_config_list { nonsense }")
    found = ended(f"--model_config_file={tmp_path}/models.txt")
    assert found.returncode == 255
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in found.stderr


def test_a_taken_port_is_told(server, model_root):
    found = ended(f"--port={server.grpc_port}", f"--model_base_path={model_root}/half")
    assert found.returncode == 255
    assert "Failed to start server. Error: " in found.stdout


def test_a_load_that_fails_after_all_retries_ends_the_server(tmp_path):
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"no model")
    found = ended(
        f"--port={free_port()}",
        "--model_name=m",
        f"--model_base_path={tmp_path}/m",
        "--max_num_load_retries=1",
        "--load_retry_interval_micros=1000",
    )
    assert found.returncode == 255
    assert "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become" in found.stdout
    assert "{name: m version: 1}" in found.stdout


def test_ports_open_when_the_model_is_there(tmp_path):
    base, socket_path = tmp_path / "late", tmp_path / "grpc.sock"
    late = ModelServer(
        tmp_path / "server",
        "--model_name=late",
        f"--model_base_path={base}",
        f"--grpc_socket_path={socket_path}",
        "--not_a_flag=1",
        "positional",
        "--enable_batching=false",
    )
    try:
        until(lambda: "late" in late.stderr, told=late.stderr)
        assert late.process.poll() is None
        assert not is_open(late.grpc_port)
        assert not is_open(late.rest_port)
        saved_models.half_plus_two(tmp_path / "draft")
        base.mkdir()
        shutil.move(tmp_path / "draft", base / "1")
        late.wait_ready()
        answer = late.ask("POST", "/v1/models/late:predict", {"instances": [[2.0]]})
        assert answer.json == {"predictions": [[3.0]]}
        assert socket_path.is_socket()
        assert "unknown argument: --not_a_flag=1" in late.stdout
        assert late.stop(signal.SIGINT) == 0
    finally:
        late.__exit__()


def test_a_server_that_waits_for_its_model_can_be_stopped(tmp_path):
    waiting = ModelServer(tmp_path, "--model_name=late", f"--model_base_path={tmp_path}/late")
    try:
        until(lambda: "late" in waiting.stderr, told=waiting.stderr)
        assert waiting.stop(signal.SIGTERM) == 0
    finally:
        waiting.__exit__()
