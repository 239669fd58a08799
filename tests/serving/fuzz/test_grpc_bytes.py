"""Mutated requests to every gRPC method: never a fault of the server, never silence."""

import grpc
import pytest
import serving_requests as ask
from fuzzing import dice, mutated
from grpc_health.v1.health_pb2 import HealthCheckRequest
from hypothesis import given, settings
from hypothesis import strategies as st

HALF = ask.spec("half")
REGRESS_X = ask.spec("half", signature="regress_x_to_y")
X = ask.example(x=1.0)
PREDICTION = "/tensorflow.serving.PredictionService/"
MODEL = "/tensorflow.serving.ModelService/"
RELOAD = 'model_config_list { config { name: "a" base_path: "b" model_platform: "tensorflow" } }'

SEEDS = {
    PREDICTION + "Predict": [
        ask.predict(HALF, x=[[1.0], [2.0]]),
        ask.predict(ask.spec("half", 1), ("y",), x=[1.0]),
        ask.predict(ask.spec("text", label="l"), text=[b"abc", b"\xff"]),
        ask.predict(ask.spec("types", signature="int64"), x=ask.tensor([1, 2])),
        ask.predict(ask.spec("pair"), a=[1.0], b=[2.0]),
    ],
    PREDICTION + "Classify": [
        ask.classify(ask.spec("flowers"), ask.example(size=0.5), ask.example(size=b"x")),
        ask.classify(ask.spec("flowers"), ask.example(), context=ask.example(size=0.5)),
    ],
    PREDICTION + "Regress": [ask.regress(REGRESS_X, X, X, context=ask.example(x2=2.0))],
    PREDICTION + "MultiInference": [
        ask.multi_inference(
            [
                (REGRESS_X, ask.REGRESS),
                (ask.spec("half", signature="classify_x_to_y"), ask.CLASSIFY),
            ],
            X,
        )
    ],
    PREDICTION + "GetModelMetadata": [ask.metadata(HALF, "signature_def")],
    MODEL + "GetModelStatus": [ask.status(ask.spec("half", 1))],
    MODEL + "HandleReloadConfigRequest": [ask.reload(RELOAD, "/a/metric")],
    "/grpc.health.v1.Health/Check": [HealthCheckRequest(service="abc")],
}
FAULTS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
REQUESTS = [
    (method, seed.SerializeToString())
    for method, seeds in SEEDS.items()
    for seed in seeds
    if "Reload" not in method
]


def outcome(server, method, body, timeout_sec=30):
    """Returns the code of a call; a code that would be a fault of the server fails."""
    try:
        server.raw(method, body, timeout_sec)
    except grpc.RpcError as error:
        code, details = error.code(), error.details()
    else:
        return grpc.StatusCode.OK
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        raise TimeoutError(method, body)
    assert code not in FAULTS, (method, body, details)
    assert details
    return code


@pytest.mark.parametrize(("method", "seed"), REQUESTS)
def test_seeds_are_answered(server, method, seed):
    assert outcome(server, method, seed) in {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,  # the label, and the Example of another type
        grpc.StatusCode.NOT_FOUND,  # the service
    }


@pytest.mark.parametrize("method", sorted({method for method, _ in REQUESTS}))
def test_mutated_requests(server, method):
    seeds = [seed.SerializeToString() for seed in SEEDS[method]]

    @settings(settings.get_profile("fuzz"))
    @given(st.sampled_from(seeds), dice())
    def run(seed, dice):
        outcome(server, method, mutated(seed, dice, PIECES))

    run()


# Tags and lengths of protobuf, numbers at the ends of their ranges, names that exist.
PIECES = [
    b"\x0a", b"\x12", b"\x1a", b"\x08\x07", b"\xff" * 9 + b"\x01", b"\x80", b"\x00",
    b"half", b"types", b"serving_default", b"x", b"inputs", b"\xff\xff\xff\xff\x07",
]  # fmt: skip


@settings(settings.get_profile("fuzz"))
@given(method=st.sampled_from(sorted({method for method, _ in REQUESTS})), body=st.binary())
def test_any_bytes(server, method, body):
    outcome(server, method, body)


def test_mutated_reloads(server, reset_models):
    """What a mutated configuration asks for may be granted: the models are gone then."""
    method = MODEL + "HandleReloadConfigRequest"
    [request] = SEEDS[method]

    @settings(settings.get_profile("fuzz"))
    @given(dice())
    def run(dice):
        body = mutated(request.SerializeToString(), dice, PIECES)
        try:
            outcome(server, method, body, timeout_sec=0.5)
        except TimeoutError:
            # It names a base path, and so waits for versions there.
            assert b"/" in body.replace(b"/a/metric", b"")

    run()
