"""The blocking client beside a server on a real port."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from client_server import FLOAT, INT64, MODEL, TEXT, ModelServer

from serving.client import (
    Cancelled,
    Client,
    ClientError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServerError,
    Unauthenticated,
    Unavailable,
)
from serving.client.examples import to_example
from serving.wire import messages
from serving.wire.errors import StatusCode


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    with Client(server.address) as connected:
        yield connected


def predict_request(server: ModelServer) -> Any:
    return messages.PredictRequest.FromString(server.received[-1].body)


def test_arrays_go_in_and_come_out(client: Client) -> None:
    answer = client.predict(MODEL, {"x": np.array([1, 2.5], np.float32)})
    assert (answer.model, answer.version, answer.signature) == (MODEL, 3, "serving_default")
    assert answer.outputs.keys() == {"y", "z"}
    assert answer.outputs["y"].dtype == np.float32
    assert answer.outputs["y"].tolist() == [2, 5]


@pytest.mark.parametrize("values", [[1, 2], (1.0, 2.0), np.array([1.0, 2.0]), np.array([1, 2])])
def test_values_are_sent_in_the_type_of_the_signature(client: Client, values: Any) -> None:
    assert client.predict(MODEL, {"x": values}).outputs["y"].tolist() == [2, 4]


def test_metadata_is_asked_for_once(client: Client, server: ModelServer) -> None:
    for _ in range(3):
        client.predict(MODEL, {"x": [1]})
    assert server.methods() == ["GetModelMetadata", "Predict", "Predict", "Predict"]


def test_without_casting_nothing_is_asked_for_and_nothing_changed(server: ModelServer) -> None:
    with Client(server.address, cast_inputs=False) as client:
        client.predict(MODEL, {"x": np.array([1], np.float32)})
        with pytest.raises(InvalidRequest, match="wrong inputs"):
            client.predict(MODEL, {"x": [1.0]})
    assert server.methods() == ["Predict", "Predict"]


def test_a_new_version_brings_its_own_types(client: Client, server: ModelServer) -> None:
    client.predict(MODEL, {"x": [1]})
    server.version = 4
    assert client.predict(MODEL, {"x": [1]}).version == 4  # the types are still the same
    server.signatures["serving_default"] = ({"x": INT64}, {"y": INT64, "z": INT64})
    assert client.predict(MODEL, {"x": [1]}).outputs["y"].dtype == np.int64


def test_versions_that_answer_in_turn_are_asked_for_their_metadata_once_each(
    client: Client, server: ModelServer
) -> None:
    for version in (3, 4, 3, 4, 3, 4):
        server.version = version
        client.predict(MODEL, {"x": [1]})
    assert server.methods().count("GetModelMetadata") <= 3


def test_values_that_an_old_version_refused_are_held_against_the_new_one(
    client: Client, server: ModelServer
) -> None:
    server.signatures["serving_default"] = ({"x": INT64}, {"y": INT64, "z": INT64})
    client.predict(MODEL, {"x": [1]})
    server.version, server.signatures["serving_default"] = 4, ({"x": FLOAT}, {"y": FLOAT})
    assert client.predict(MODEL, {"x": [1.5]}).outputs["y"].tolist() == [3]


def test_a_server_without_metadata_gets_the_values_as_they_are(
    client: Client, server: ModelServer
) -> None:
    server.faults = [(grpc.StatusCode.UNIMPLEMENTED, "no such method")]
    answer = client.predict(MODEL, {"x": np.array([1], np.float32)})
    assert answer.outputs["y"].tolist() == [2]


def test_examples_go_to_the_one_input_for_texts(client: Client, server: ModelServer) -> None:
    rows = [{"fare": 2.5, "company": None}, to_example({"fare": 4.0}).SerializeToString()]
    answer = client.predict(MODEL, examples=rows, signature="rows")
    assert answer.outputs["outputs"].tolist() == [[5], [8]]
    assert list(predict_request(server).inputs) == ["examples"]


def test_no_examples_are_an_empty_batch(client: Client) -> None:
    assert client.predict(MODEL, examples=[], signature="rows").outputs["outputs"].shape == (0, 1)


def test_examples_are_not_for_signatures_of_columns(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="found company, fare, seconds; give inputs"):
        client.predict(MODEL, examples=[{"fare": 1.0}], signature="columns")
    with pytest.raises(FailedPrecondition, match="expected one of: columns, rows, serving_default"):
        client.predict(MODEL, examples=[{"fare": 1.0}], signature="no")


def test_columns_of_several_types(client: Client) -> None:
    columns = {"fare": [1, 2.5], "seconds": [10.0, 20.0], "company": ["ä", b"\xff"]}
    answer = client.predict(MODEL, columns, signature="columns")
    assert answer.outputs["outputs"].tolist() == [[12], [25]]


def test_texts_come_back_byte_for_byte(client: Client) -> None:
    answer = client.predict(MODEL, {"t": ["ä", b"\x00\xff\x00", ""]}, signature="texts")
    assert answer.outputs["t"].tolist() == [b"\xc3\xa4", b"\x00\xff\x00", b""]


def test_outputs_can_be_chosen(client: Client) -> None:
    assert client.predict(MODEL, {"x": [1]}, outputs=["z"]).outputs.keys() == {"z"}
    with pytest.raises(InvalidRequest, match=r"write \['z'\]"):
        client.predict(MODEL, {"x": [1]}, outputs="z")


def test_version_and_label_travel_and_exclude_each_other(
    client: Client, server: ModelServer
) -> None:
    client.predict(MODEL, {"x": [1]}, version=3)
    assert predict_request(server).model_spec.version.value == 3
    client.predict(MODEL, {"x": [1]}, label="canary")
    assert predict_request(server).model_spec.version_label == "canary"
    with pytest.raises(InvalidRequest, match="received both"):
        client.predict(MODEL, {"x": [1]}, version=3, label="canary")


def test_arrays_larger_than_gRPCs_default_of_4_MiB(client: Client) -> None:
    large = np.arange(3_000_000, dtype=np.float32)
    answer = client.predict(MODEL, {"x": large}, outputs=["y"])
    np.testing.assert_array_equal(answer.outputs["y"], large * 2)


def test_classify_and_regress(client: Client) -> None:
    rows = [{"fare": 25.0}, {"fare": 50.0}]
    classes = client.classify(MODEL, rows).classes
    assert [[(c.label, c.score) for c in row] for row in classes] == [
        [("low", 0.75), ("high", 0.25)],
        [("low", 0.5), ("high", 0.5)],
    ]
    values = client.regress(MODEL, rows).values
    assert (values.dtype, values.tolist()) == (np.float32, [50, 100])


def test_a_context_goes_beside_the_examples(client: Client, server: ModelServer) -> None:
    client.regress(MODEL, [{"fare": 1.0}], context={"city": "Chicago"})
    sent = messages.RegressionRequest.FromString(server.received[-1].body).input
    context = sent.example_list_with_context.context
    assert context.features.feature["city"].bytes_list.value == [b"Chicago"]


def test_metadata_tells_types_and_shapes(client: Client) -> None:
    metadata = client.metadata(MODEL)
    assert metadata.version == 3
    assert sorted(metadata.signatures) == ["columns", "rows", "serving_default", "texts"]
    inputs = metadata.signatures["columns"].inputs
    assert {name: spec.dtype for name, spec in inputs.items()} == {
        "company": TEXT,
        "fare": FLOAT,
        "seconds": INT64,
    }
    assert inputs["fare"].shape == (-1,)


def test_status_tells_the_newest_version_first(client: Client) -> None:
    newest, oldest = client.status(MODEL)
    assert (newest.version, newest.state, newest.available) == (3, "AVAILABLE", True)
    assert (oldest.version, oldest.state, oldest.available) == (2, "END", False)
    assert (oldest.code, oldest.message) == (StatusCode.INTERNAL, "out of memory")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.CANCELLED, Cancelled),
        (grpc.StatusCode.UNKNOWN, ServerError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, ServerError),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted),
        (grpc.StatusCode.FAILED_PRECONDITION, FailedPrecondition),
        (grpc.StatusCode.ABORTED, ServerError),
        (grpc.StatusCode.OUT_OF_RANGE, InvalidRequest),
        (grpc.StatusCode.UNIMPLEMENTED, ServerError),
        (grpc.StatusCode.INTERNAL, ServerError),
        (grpc.StatusCode.DATA_LOSS, ServerError),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
    ],
)
def test_every_status_is_an_error_that_keeps_the_servers_text(
    server: ModelServer, code: grpc.StatusCode, kind: type[ClientError]
) -> None:
    server.faults = [(code, 'it says "ä"')]
    with Client(server.address) as client, pytest.raises(ClientError) as caught:
        client.status(MODEL, timeout_sec=20)
    assert type(caught.value) is kind
    assert caught.value.code.value == code.value[0]
    assert caught.value.message == 'it says "ä"'
    assert caught.value.request_id.endswith(":seen")
    assert str(caught.value).startswith(f'{code.name}: it says "ä" (request ')
    assert server.methods() == ["GetModelStatus"]


def test_errors_survive_a_pickle() -> None:
    error = NotFound(StatusCode.NOT_FOUND, "gone", "id-1")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.code, copy.message, copy.request_id) == (
        *(NotFound, StatusCode.NOT_FOUND, "gone", "id-1"),
    )


def test_a_request_id_is_sent_and_what_comes_back_is_told(
    client: Client, server: ModelServer
) -> None:
    assert client.predict(MODEL, {"x": [1]}, request_id="trip/7").request_id == "trip/7:seen"
    assert [call.metadata["x-request-id"] for call in server.received] == ["trip/7", "trip/7"]
    first, second = (client.predict(MODEL, {"x": [1]}).request_id for _ in range(2))
    assert first != second


def test_without_an_echo_the_id_that_was_sent_is_told() -> None:
    with ModelServer(echo=False) as server, Client(server.address) as client:
        assert client.predict(MODEL, {"x": [1]}, request_id="trip-7").request_id == "trip-7"
        server.faults = [(grpc.StatusCode.INTERNAL, "no")]
        with pytest.raises(ServerError) as caught:
            client.status(MODEL)
        assert caught.value.request_id == server.received[-1].metadata["x-request-id"]


@pytest.mark.parametrize("request_id", ["", "two words", "ä", "x" * 129])
def test_a_request_id_that_the_server_would_replace_is_refused(
    client: Client, server: ModelServer, request_id: str
) -> None:
    with pytest.raises(InvalidRequest, match="request id"):
        client.predict(MODEL, {"x": [1]}, request_id=request_id)
    assert not server.received


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "name of a model"),
        ({"model": MODEL}, "either inputs or examples"),
        ({"model": MODEL, "inputs": {}, "examples": []}, "either inputs or examples"),
        ({"model": MODEL, "inputs": {"x": [1]}, "version": -1}, "version of 0"),
        ({"model": MODEL, "inputs": {"x": [1]}, "timeout_sec": 0}, "timeout_sec above 0"),
    ],
)
def test_wrong_arguments_are_refused(
    client: Client, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        client.predict(**arguments)


def test_an_unknown_keyword_is_a_TypeError(client: Client) -> None:
    with pytest.raises(TypeError, match="sgnature"):
        client.predict(MODEL, {"x": [1]}, sgnature="rows")  # type: ignore[call-arg]


def test_an_unknown_model_keeps_the_servers_words(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.predict("nope", {"x": [1]})
    assert caught.value.message == "Servable not found for request: Latest(nope)"


def test_an_API_key_travels_as_a_bearer(server: ModelServer) -> None:
    with Client(server.address, api_key="s3cret") as client:
        client.status(MODEL)
    assert server.received[0].metadata["authorization"] == "Bearer s3cret"


def test_a_Unix_socket_serves_as_well(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/server.sock"
    with ModelServer(address=address), Client(address) as client:
        assert client.predict(MODEL, {"x": [1]}).outputs["y"].tolist() == [2]


def test_threads_share_a_client(client: Client) -> None:
    def double(number: int) -> float:
        return float(client.predict(MODEL, {"x": [number]}).outputs["y"][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(double, range(200))) == [2 * number for number in range(200)]


def test_a_closed_client_says_so(server: ModelServer) -> None:
    client = Client(server.address)
    client.close()
    client.close()
    with pytest.raises(InvalidRequest, match="client is closed"):
        client.status(MODEL)


def test_closing_cancels_what_is_under_way() -> None:
    with ModelServer(delay_sec=2.0) as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.address)
        under_way = pool.submit(client.status, MODEL)
        while not server.received:
            assert not under_way.done()
        client.close()
        with pytest.raises(Cancelled):
            under_way.result(timeout=30)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with ModelServer() as gone:
        address = gone.address
    with Client(address, attempts=1) as client, pytest.raises(Unavailable, match="refused"):
        client.status(MODEL)
