"""gRPC calls that are answered: values, ModelSpecs, forms of tensors."""

import grpc
import numpy as np
import pytest
import saved_models
import serving_requests as ask
import tensorflow as tf
from model_server import refused
from tensorflow_serving.apis import get_model_metadata_pb2

INT32_MAX = 2**31 - 1


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        (ask.spec("half"), 124),
        (ask.spec("half", 123), 123),
        (ask.spec("half", 124), 124),
        (ask.spec("half", label="stable"), 123),
        (ask.spec("half", label="canary"), 124),
        (ask.spec("half", signature="serving_default"), 124),
    ],
)
def test_a_response_names_the_resolved_version_and_signature(server, spec, version):
    response = server.prediction.Predict(ask.predict(spec, x=[[2.0], [4.0]]))
    assert ask.values(response) == [3.0, 4.0]
    assert response.model_spec == ask.spec("half", version, signature="serving_default")


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), (2, 3), (), (1, 1, 1)])
def test_shapes_are_not_compared_with_the_signature(server, shape):
    x = np.full(shape, 2.0, np.float32)
    response = server.prediction.Predict(ask.predict(ask.spec("half"), x=x))
    assert tf.make_ndarray(response.outputs["y"]).shape == shape
    assert ask.values(response) == [3.0] * x.size


def test_outputs_come_in_typed_fields(server):
    y = server.prediction.Predict(ask.predict(ask.spec("half"), x=[[2.0]])).outputs["y"]
    assert list(y.float_val) == [3.0]
    assert y.tensor_content == b""


def test_inputs_may_come_as_content(server):
    x = tf.make_tensor_proto(np.array([[2.0], [6.0]], np.float32))
    assert x.tensor_content
    response = server.prediction.Predict(ask.predict(ask.spec("half"), x=x))
    assert ask.values(response) == [3.0, 5.0]


def test_one_typed_value_fills_a_shape(server):
    x = ask.tensor([0.0, 0.0, 0.0])
    del x.float_val[:]
    x.float_val.append(2.0)
    assert ask.values(server.prediction.Predict(ask.predict(ask.spec("half"), x=x))) == [3.0] * 3


@pytest.mark.parametrize("name", saved_models.TYPES)
def test_every_type_goes_there_and_back(server, name):
    dtype = saved_models.TYPES[name]
    raw = {tf.string: [b"\xff\0a", b""], tf.bool: [False, True]}.get(dtype, [0, 1])
    sent = tf.make_tensor_proto(raw, dtype)
    response = server.prediction.Predict(ask.predict(ask.spec("types", signature=name), x=sent))
    received = response.outputs["y"]
    assert received.dtype == dtype.as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(received), tf.make_ndarray(sent))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), {"sum": [5.0], "product": [6.0], "a_again": [2.0]}),
        (("sum",), {"sum": [5.0]}),
        (("a_again", "product"), {"product": [6.0], "a_again": [2.0]}),
    ],
)
def test_an_empty_filter_means_all_outputs(server, wanted, expected):
    response = server.prediction.Predict(ask.predict(ask.spec("pair"), wanted, a=[2.0], b=[3.0]))
    assert {name: ask.values(response, name) for name in response.outputs} == expected


def test_classify_answers_labels_and_scores(server):
    response = server.prediction.Classify(
        ask.classify(ask.spec("flowers"), ask.example(size=0.25), ask.example(size=1.0))
    )
    rows = [
        [(each.label, each.score) for each in row.classes]
        for row in response.result.classifications
    ]
    assert rows == [[("small", 0.75), ("large", 0.25)], [("small", 0.0), ("large", 1.0)]]
    assert response.model_spec == ask.spec("flowers", 1, signature="serving_default")


def test_classify_without_labels_answers_scores(server):
    spec = ask.spec("half", signature="classify_x_to_y")
    response = server.prediction.Classify(ask.classify(spec, ask.example(x=2.0)))
    [row] = response.result.classifications
    assert [(each.label, each.score) for each in row.classes] == [("", 3.0)]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [("regress_x_to_y", [3.0, 12.0]), ("regress_x_to_y2", [4.0, 13.0])],
)
def test_regress_answers_a_value_for_each_example(server, signature, expected):
    spec = ask.spec("half", signature=signature)
    response = server.prediction.Regress(ask.regress(spec, ask.example(x=2.0), ask.example(x=20.0)))
    assert [each.value for each in response.result.regressions] == expected
    assert response.model_spec == ask.spec("half", 124, signature=signature)


def test_the_context_is_merged_into_each_example(server):
    spec = ask.spec("half", signature="regress_x2_to_y3")
    request = ask.regress(
        spec, ask.example(x=1.0), ask.example(x=1.0, x2=4.0), context=ask.example(x2=2.0)
    )
    response = server.prediction.Regress(request)
    assert [each.value for each in response.result.regressions] == [5.0, 6.0]


def test_multi_inference_answers_each_task(server):
    regress = ask.spec("half", signature="regress_x_to_y")
    classify = ask.spec("half", signature="classify_x_to_y")
    response = server.prediction.MultiInference(
        ask.multi_inference([(regress, ask.REGRESS), (classify, ask.CLASSIFY)], ask.example(x=2.0))
    )
    first, second = response.results
    assert [each.value for each in first.regression_result.regressions] == [3.0]
    [row] = second.classification_result.classifications
    assert row.classes[0].score == 3.0
    assert first.model_spec == ask.spec("half", 124, signature="regress_x_to_y")
    assert second.model_spec == ask.spec("half", 124, signature="classify_x_to_y")


@pytest.mark.parametrize(
    ("spec", "version"), [(ask.spec("half"), 124), (ask.spec("half", label="stable"), 123)]
)
def test_metadata_holds_the_signatures_and_no_signature_name(server, spec, version):
    response = server.prediction.GetModelMetadata(ask.metadata(spec, "signature_def"))
    assert response.model_spec == ask.spec("half", version)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {
        "serving_default",
        "regress_x_to_y",
        "regress_x_to_y2",
        "regress_x2_to_y3",
        "classify_x_to_y",
    } <= set(signatures.signature_def)
    x = signatures.signature_def["serving_default"].inputs["x"]
    assert [dim.size for dim in x.tensor_shape.dim] == [-1, 1]
    assert x.dtype == tf.float32.as_datatype_enum


@pytest.mark.parametrize(
    ("spec", "versions"),
    [
        (ask.spec("half"), [124, 123]),
        (ask.spec("half", 123), [123]),
        (ask.spec("half", label="no such label"), [124, 123]),
    ],
)
def test_status_lists_versions_from_the_highest_down_and_ignores_labels(server, spec, versions):
    response = server.models.GetModelStatus(ask.status(spec))
    assert [each.version for each in response.model_version_status] == versions
    assert {each.state for each in response.model_version_status} == {30}
    assert {each.status.error_code for each in response.model_version_status} == {0}
    assert {each.status.error_message for each in response.model_version_status} == {""}


def test_a_callers_deadline_ends_its_call(server):
    request = ask.predict(ask.spec("slow"), x=[1.0])
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
        server.prediction.Predict(request, timeout=0.05)
    assert ask.values(server.prediction.Predict(request)) == [1.0]


def test_messages_may_be_larger_than_grpcs_usual_four_mebibytes(server):
    big = np.full((3_000_000, 1), 2.0, np.float32)
    options = [("grpc.max_receive_message_length", INT32_MAX)]
    with grpc.insecure_channel(f"localhost:{server.grpc_port}", options) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        x = tf.make_tensor_proto(big)
        answer = call(ask.predict(ask.spec("half"), x=x).SerializeToString(), timeout=60)
    assert len(answer) > big.nbytes


@pytest.mark.parametrize(
    "method",
    [
        "/tensorflow.serving.SessionService/SessionRun",
        "/tensorflow.serving.PredictionService/Nothing",
        "/no.Service/Nothing",
    ],
)
def test_what_is_not_registered_is_unimplemented(server, method):
    with refused(grpc.StatusCode.UNIMPLEMENTED):
        server.raw(method, b"")


def test_the_profiler_is_registered(server, tmp_path):
    folder = bytes(tmp_path)
    # ProfileRequest: one millisecond, and where to write.
    request = b"\x08\x01" + b"\x2a" + bytes([len(folder)]) + folder
    assert server.raw("/tensorflow.ProfilerService/Profile", request)
    assert list(tmp_path.rglob("*.xplane.pb"))
