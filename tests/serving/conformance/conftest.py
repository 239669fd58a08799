"""Models on disk, and one server of many of them that most cases share."""

import json
from pathlib import Path

import grpc
import pytest
import saved_models
from certificates import Authority
from model_server import ModelServer
from served_models import config, push
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

CONFIG = """
model_config_list {{
  config {{
    name: "half" base_path: "{root}/half" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 123 }}
    version_labels {{ key: "canary" value: 124 }}
  }}
  {others}
}}
"""
OTHERS = {
    "flowers": saved_models.flowers,
    "types": saved_models.every_type,
    "text": saved_models.echo_text,
    "several": saved_models.several_signatures,
    "pair": saved_models.several_tensors,
    "total": saved_models.unbatchable,
    "matrix": saved_models.matrix,
    "failing": saved_models.failing,
    "slow": saved_models.slow,
}


@pytest.fixture(scope="session")
def model_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("models")
    saved_models.half_plus_two_of_tf1(root / "half" / "00000123")
    saved_models.half_plus_two_of_tf1(root / "half" / "124")
    (root / "half" / "not-a-version").mkdir()
    for name, build in OTHERS.items():
        build(root / name / "1")
    return root


@pytest.fixture(scope="session")
def server(model_root, tmp_path_factory):
    """A server of all models above, with metrics and health checks."""
    folder = tmp_path_factory.mktemp("server")
    others = "".join(
        f'config {{ name: "{name}" base_path: "{model_root}/{name}" model_platform: "tensorflow" }}'
        for name in OTHERS
    )
    (folder / "models.txt").write_text(CONFIG.format(root=model_root, others=others))
    (folder / "monitoring.txt").write_text("prometheus_config { enable: true }")
    with ModelServer(
        folder,
        f"--model_config_file={folder}/models.txt",
        f"--monitoring_config_file={folder}/monitoring.txt",
        "--allow_version_labels_for_unavailable_models",
        "--enable_grpc_healthcheck_service",
        "--rest_api_enable_cors_support",
        "--file_system_poll_wait_seconds=0",
    ) as running:
        yield running
        assert "Traceback" not in running.stderr


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory):
    """A server without models, to be given some by reload requests."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "models.txt").write_text("model_config_list {}")
    (folder / "monitoring.txt").write_text("prometheus_config { enable: true }")
    with ModelServer(
        folder,
        f"--model_config_file={folder}/models.txt",
        f"--monitoring_config_file={folder}/monitoring.txt",
        "--max_num_load_retries=0",
    ) as running:
        yield running
        assert "Traceback" not in running.stderr


BATCHING = """
max_batch_size { value: 4 } batch_timeout_micros { value: 200000 }
num_batch_threads { value: 1 } max_enqueued_batches { value: 1 }
"""
# A version's own parameters replace those of the file altogether, save for the threads.
OWN_BATCHING = {
    "padded": f"{BATCHING} pad_variable_length_inputs: true",
    "split": """
        max_batch_size { value: 16 } max_execution_batch_size { value: 4 }
        max_enqueued_batches { value: 8 } enable_large_batch_splitting { value: true }
    """,
    "sizes": f"{BATCHING} allowed_batch_sizes: 2 allowed_batch_sizes: 4",
    "full": "max_batch_size { value: 1 } max_enqueued_batches { value: 1 }",
}


@pytest.fixture(scope="session")
def batching_server(model_root, tmp_path_factory):
    """A server that batches and follows its configuration: it, its file, what is in it."""
    root = tmp_path_factory.mktemp("batching")
    push(model_root / "half" / "124", root / "plain", 1)
    for name, parameters in OWN_BATCHING.items():
        source = "slow/1" if name == "full" else "half/124"
        folder = push(model_root / source, root / f"draft-{name}", 1)
        (folder / "batching_params.pbtxt").write_text(parameters)
        folder.parent.rename(root / name)
    text = config(*(root / name for name in ["plain", *OWN_BATCHING]))
    (root / "models.txt").write_text(text)
    (root / "batching.txt").write_text(BATCHING)
    with ModelServer(
        root / "server",
        "--enable_batching",
        f"--batching_parameters_file={root}/batching.txt",
        "--enable_per_model_batching_parameters",
        f"--model_config_file={root}/models.txt",
        "--model_config_file_poll_wait_seconds=1",
        "--prometheus_metrics",
    ) as running:
        yield running, root / "models.txt", text
        assert "Traceback" not in running.stderr


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture(scope="session")
def tls_server(authority, tmp_path_factory):
    """A server of TFLite models that wants certificates of its callers."""
    root = tmp_path_factory.mktemp("tls")
    saved_models.half_plus_two_of_tflite(root / "half" / "1")
    saved_models.echo_text_of_tflite(root / "text" / "1")
    signed = SignatureDef(method_name=saved_models.PREDICT)
    signed.inputs["tensor"].name = "x:0"
    signed.outputs["result"].name = "Identity:0"
    saved_models.half_plus_two_of_tflite(root / "signed" / "1", signed)
    (root / "models.txt").write_text(config(root / "half", root / "text", root / "signed"))
    identity, client = authority.issue("localhost"), authority.issue("caller")
    fields = {
        "server_key": identity.key,
        "server_cert": identity.certificate,
        "custom_ca": authority.certificate,
    }
    (root / "ssl.txt").write_text(
        "".join(f"{name}: {json.dumps(pem.decode())}\n" for name, pem in fields.items())
        + "client_verify: true"
    )
    credentials = grpc.ssl_channel_credentials(
        authority.certificate, client.key, client.certificate
    )
    with ModelServer(
        root / "server",
        "--prefer_tflite_model",
        f"--ssl_config_file={root}/ssl.txt",
        f"--model_config_file={root}/models.txt",
        credentials=credentials,
    ) as running:
        yield running
        assert "Traceback" not in running.stderr
