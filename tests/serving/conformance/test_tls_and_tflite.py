"""gRPC over TLS with certificates of both sides, and models in TFLite's format."""

import grpc
import pytest
import serving_requests as ask
from model_server import refused
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

REQUEST = ask.predict(ask.spec("half"), x=[[2.0], [4.0]])


def test_callers_with_a_certificate_are_answered(tls_server):
    response = tls_server.prediction.Predict(REQUEST)
    assert ask.values(response, "Identity") == [3.0, 4.0]


def test_callers_without_one_are_not(tls_server, authority):
    target = f"localhost:{tls_server.grpc_port}"
    plain = grpc.insecure_channel(target)
    anonymous = grpc.secure_channel(target, grpc.ssl_channel_credentials(authority.certificate))
    for channel in (plain, anonymous):
        with channel, refused(grpc.StatusCode.UNAVAILABLE):
            prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(REQUEST, timeout=20)


def test_rest_stays_plain(tls_server):
    answer = tls_server.ask("POST", "/v1/models/half:predict", {"instances": [[2.0]]})
    assert answer.json == {"predictions": [[3.0]]}


def test_signatures_come_from_the_models_metadata(tls_server):
    response = tls_server.prediction.Predict(ask.predict(ask.spec("signed"), tensor=[[2.0]]))
    assert list(response.outputs) == ["result"]
    assert ask.values(response, "result") == [3.0]


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        ("half", ["x"], ["Identity"]),
        ("signed", ["tensor"], ["result"]),
        ("text", ["text"], ["Identity"]),
    ],
)
def test_metadata_names_the_tensors(tls_server, model, inputs, outputs):
    response = tls_server.prediction.GetModelMetadata(
        ask.metadata(ask.spec(model), "signature_def")
    )
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert (list(signature.inputs), list(signature.outputs)) == (inputs, outputs)


def test_texts_go_there_and_back(tls_server):
    response = tls_server.prediction.Predict(ask.predict(ask.spec("text"), text=[b"a", b"\xff"]))
    assert ask.values(response, "Identity") == [b"a", b"\xff"]


def test_a_size_may_change_from_call_to_call(tls_server):
    for count in (1, 7, 2):
        response = tls_server.prediction.Predict(ask.predict(ask.spec("half"), x=[[2.0]] * count))
        assert ask.values(response, "Identity") == [3.0] * count
