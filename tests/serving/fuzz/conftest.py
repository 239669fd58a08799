"""A server to be sent nonsense, which must still be sound when all is over."""

import os

import pytest
import saved_models
from hypothesis import HealthCheck, settings
from model_server import ModelServer
from served_models import config, serve

MODELS = {
    "half": saved_models.half_plus_two_of_tf1,
    "flowers": saved_models.flowers,
    "types": saved_models.every_type,
    "text": saved_models.echo_text,
    "pair": saved_models.several_tensors,
    "matrix": saved_models.matrix,
}
# RINGWAY_FUZZ_EXAMPLES=20000 looks for longer, and at other examples each time.
EXAMPLES = int(os.environ.get("RINGWAY_FUZZ_EXAMPLES", "0"))

settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES or 200,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzzed")


@pytest.fixture
def reset_models(server, root, _still_answers):
    """Has the server serve its models again afterwards."""
    yield
    serve(server, *(root / name for name in MODELS))


@pytest.fixture(scope="session")
def server(root):
    for name, build in MODELS.items():
        build(root / name / "1")
    (root / "models.txt").write_text(config(*(root / name for name in MODELS)))
    with ModelServer(
        root / "server",
        f"--model_config_file={root}/models.txt",
        "--file_system_poll_wait_seconds=0",
        "--enable_grpc_healthcheck_service",
        "--rest_api_timeout_in_ms=20000",
    ) as running:
        yield running
        assert "Traceback" not in running.stderr, running.stderr[-8000:]


@pytest.fixture(autouse=True)
def _still_answers(server):
    yield
    server.assert_alive()
    answer = server.ask("POST", "/v1/models/half:predict", {"instances": [2.0]})
    assert answer.json == {"predictions": [3.0]}
