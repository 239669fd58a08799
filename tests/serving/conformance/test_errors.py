"""gRPC calls that are refused: the code and the text that TensorFlow Serving gives."""

import grpc
import pytest
import serving_requests as ask
import tensorflow as tf
from model_server import refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED

X = ask.example(x=1.0)
HALF = ask.spec("half")
REGRESS_X = ask.spec("half", signature="regress_x_to_y")
CLASSIFY_X = ask.spec("half", signature="classify_x_to_y")


def without_spec(request):
    request.ClearField("model_spec")
    return request


SPEC_CASES = {
    "no spec": (None, INVALID, "Missing ModelSpec"),
    "no name": (ask.spec(""), INVALID, "ModelSpec has no name specified."),
    "no such model": (
        ask.spec("nobody"),
        NOT_FOUND,
        "Servable not found for request: Latest(nobody)",
    ),
    "no such version": (
        ask.spec("half", 9),
        NOT_FOUND,
        "Servable not found for request: Specific(half, 9)",
    ),
    "no such label": (
        ask.spec("half", label="L"),
        INVALID,
        "Unrecognized servable version label: L",
    ),
}
CALLS = {
    "Predict": lambda spec: ask.predict(spec, x=[1.0]),
    "Classify": lambda spec: ask.classify(spec, X),
    "Regress": lambda spec: ask.regress(spec, X),
    "GetModelMetadata": lambda spec: ask.metadata(spec, "signature_def"),
}


@pytest.mark.parametrize("case", SPEC_CASES)
@pytest.mark.parametrize("method", CALLS)
def test_a_spec_that_means_nothing(server, method, case):
    spec, code, text = SPEC_CASES[case]
    request = CALLS[method](spec) if spec is not None else without_spec(CALLS[method](HALF))
    with refused(code) as caught:
        getattr(server.prediction, method)(request)
    assert caught.value.details() == text


CASES = {
    "signature, Predict": (
        "Predict",
        ask.predict(ask.spec("half", signature="s"), x=[1.0]),
        PRECONDITION,
        'Serving signature key "s" not found.',
    ),
    "default signature, Predict": (
        "Predict",
        ask.predict(ask.spec("several"), x=[1.0]),
        PRECONDITION,
        'Serving signature key "serving_default" not found.',
    ),
    "signature, Classify": (
        "Classify",
        ask.classify(ask.spec("half", signature="s"), X),
        INVALID,
        "No signature was found with the name: s",
    ),
    "signature, Regress": (
        "Regress",
        ask.regress(ask.spec("half", signature="s"), X),
        INVALID,
        "No signature was found with the name: s",
    ),
    "no input": (
        "Predict",
        ask.predict(HALF),
        INVALID,
        "input size does not match signature: 0!=1 len({",
    ),
    "too many inputs": (
        "Predict",
        ask.predict(HALF, x=[1.0], z=[1.0]),
        INVALID,
        "input size does not match signature: 2!=1 len({",
    ),
    "another input": ("Predict", ask.predict(HALF, z=[1.0]), INVALID, "x"),
    "wrong type": (
        "Predict",
        ask.predict(HALF, x=tf.make_tensor_proto([1.0], tf.float64)),
        INVALID,
        "",
    ),
    "unknown output": ("Predict", ask.predict(HALF, ("z",), x=[1.0]), INVALID, "z"),
    "duplicate output": ("Predict", ask.predict(HALF, ("y", "y"), x=[1.0]), INVALID, "y"),
    "no examples, Classify": ("Classify", ask.classify(CLASSIFY_X), INVALID, "Input is empty."),
    "no examples, Regress": ("Regress", ask.regress(REGRESS_X), INVALID, "Input is empty."),
    "no examples, MultiInference": (
        "MultiInference",
        ask.multi_inference([(REGRESS_X, ask.REGRESS)]),
        INVALID,
        "Input is empty.",
    ),
    "an example that lacks a feature": (
        "Regress",
        ask.regress(REGRESS_X, ask.example(other=1.0)),
        INVALID,
        "",
    ),
    "regress with a predict signature": ("Regress", ask.regress(HALF, X), PRECONDITION, ""),
    "classify with a predict signature": ("Classify", ask.classify(HALF, X), PRECONDITION, ""),
    "same signature twice": (
        "MultiInference",
        ask.multi_inference([(REGRESS_X, ask.REGRESS)] * 2, X),
        INVALID,
        "",
    ),
    "two models": (
        "MultiInference",
        ask.multi_inference([(REGRESS_X, ask.REGRESS), (ask.spec("flowers"), ask.CLASSIFY)], X),
        INVALID,
        "",
    ),
    "method of a task": (
        "MultiInference",
        ask.multi_inference([(REGRESS_X, "tensorflow/serving/predict")], X),
        UNIMPLEMENTED,
        "",
    ),
    "no tasks": ("MultiInference", ask.multi_inference([], X), INVALID, ""),
    "task without model": (
        "MultiInference",
        ask.multi_inference([(ask.spec(""), ask.REGRESS)], X),
        INVALID,
        "",
    ),
    "no metadata field": ("GetModelMetadata", ask.metadata(HALF), INVALID, "metadata_field"),
    "unknown metadata field": ("GetModelMetadata", ask.metadata(HALF, "m"), INVALID, "m"),
    "the model's own refusal": (
        "Predict",
        ask.predict(ask.spec("failing"), x=[-1.0]),
        INVALID,
        "x must be positive",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_call_that_is_refused(server, case):
    method, request, code, text = CASES[case]
    with refused(code, text):
        getattr(server.prediction, method)(request)


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        (None, INVALID, "Missing ModelSpec"),
        (ask.spec("m"), NOT_FOUND, "Could not find any versions of model m"),
        (ask.spec("half", 9), NOT_FOUND, "Could not find version 9 of model half"),
    ],
)
def test_status_of_what_is_not_there(server, spec, code, text):
    request = ask.status(spec) if spec is not None else without_spec(ask.status(HALF))
    with refused(code) as caught:
        server.models.GetModelStatus(request)
    assert caught.value.details() == text


def test_long_messages_are_cut(server):
    with refused(NOT_FOUND) as caught:
        server.prediction.Predict(ask.predict(ask.spec("m" * 3000), x=[1.0]))
    details = caught.value.details()
    assert details.startswith("Servable not found for request: Latest(mmm")
    assert details.endswith("...TRUNCATED")
    assert len(details) <= 1024


CONFIG_CASES = {
    "duplicate": (
        'config { name: "a" base_path: "/a" model_platform: "tensorflow" } '
        'config { name: "a" base_path: "/b" model_platform: "tensorflow" }',
        "a",
    ),
    "relative": (
        'config { name: "a" base_path: "b" model_platform: "tensorflow" }',
        "Expected model a to have an absolute path or URI; got base_path()=b",
    ),
    "no platform": ('config { name: "a" base_path: "/a" }', "model_platform"),
    "unsupported platform": (
        'config { name: "a" base_path: "/a" model_platform: "other" }',
        "other",
    ),
    "changed platform": (
        'config { name: "half" base_path: "/a" model_platform: "other" }',
        "other",
    ),
    "type and platform": (
        'config { name: "a" base_path: "/a" model_platform: "tensorflow" model_type: TENSORFLOW }',
        "model_type",
    ),
    "no path": ('config { name: "a" base_path: "" model_platform: "tensorflow" }', ""),
}


@pytest.mark.parametrize("case", CONFIG_CASES)
def test_a_configuration_that_is_refused(server, case):
    models, text = CONFIG_CASES[case]
    with refused(INVALID, text):
        server.models.HandleReloadConfigRequest(ask.reload(f"model_config_list {{ {models} }}"))
    # Nothing has changed.
    assert ask.values(server.prediction.Predict(ask.predict(HALF, x=[2.0]))) == [3.0]


@pytest.mark.parametrize("method", [*CALLS, "MultiInference"])
def test_bytes_that_are_no_message(server, method):
    with refused(INVALID):
        server.raw(f"/tensorflow.serving.PredictionService/{method}", b"\xff\xff\xff")
