"""What is asked over a socket, and what is answered."""

import gzip
import json
import logging

import numpy as np
import pytest
from rest_servers import running

from serving.server.rest import RestOptions
from serving.wire.errors import ServingError, StatusCode

M = "/v1/models/half_plus_two"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (":predict", '{"instances": [1.0, 2.0, 5.0]}', {"predictions": [2.5, 3.0, 4.5]}),
        (":predict", '{"inputs": {"x": [[1]]}}', {"outputs": [[2.5]]}),
        ("/versions/123:predict", '{"inputs": 1}', {"outputs": 2.5}),
        ("/labels/stable:PREDICT", '{"instances": [1.0]}', {"predictions": [2.5]}),
        (
            ":predict",
            '{"signature_name": "serving_default", "instances": [3]}',
            {"predictions": [3.5]},
        ),
        (":regress", '{"examples": [{"x": 80.0}]}', {"results": [42.0]}),
        (":classify", '{"examples": [{"x": 20.0}]}', {"results": [[["", 12.0]]]}),
    ],
)
def test_models_compute(server, path, body, expected):
    assert server.ask("POST", M + path, body)[:2] == (200, expected)


def test_tokens_pass_both_ways(server):
    status, text, _ = server.ask("POST", M + ":predict", '{"instances": [NaN, -Infinity, 1]}')
    assert status == 200
    np.testing.assert_array_equal(text["predictions"], [np.nan, -np.inf, 2.5])


def test_several_inputs_and_outputs(server):
    instances = [{"x": [1, 2], "name": {"b64": "/w=="}}, {"x": [3, 4], "name": "a"}]
    assert server.predict("pair", {"instances": instances}) == (
        200,
        {
            "predictions": [
                {"sum": 3.0, "name_bytes": {"b64": "/w=="}},
                {"sum": 7.0, "name_bytes": {"b64": "YQ=="}},
            ]
        },
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
        ("PUT", M, "{}", 400, f"Malformed request: PUT {M}"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/x", None, 404, "Could not find any versions of model x"),
        (
            "GET",
            "/v1/models/x/metadata",
            None,
            404,
            "Servable not found for request: Latest(x)",
        ),
        (
            "POST",
            "/v1/models/x:predict",
            '{"instances": [1]}',
            404,
            "Servable not found for request: Latest(x)",
        ),
        (
            "POST",
            M + "/versions/9:predict",
            '{"instances": [1]}',
            404,
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
        (
            "POST",
            M + "/labels/l:predict",
            '{"instances": ["x"]}',
            400,
            "Unrecognized servable version label: l",
        ),
        (
            "POST",
            M + ":predict",
            '{"signature_name": "s", "instances": [1]}',
            400,
            'Serving signature name: "s" not found in signature def',
        ),
        ("POST", M + ":predict", "", 400, "The document is empty"),
        ("POST", "/v1/models/x:predict", "", 400, "The document is empty"),
        ("POST", M + ":predict", '{"instances": ["x"]}', 400, "not of expected type: float"),
        ("POST", M + ":classify", "{}", 400, "key 'examples' is expected and was not found"),
        ("POST", M + ":regress", '{"examples": []}', 400, "'examples' value is an empty array"),
        ("POST", "/v1/models/echo_half:predict", '{"inputs": [1]}', 501, "to type: half"),
        ("POST", "/v1/models/echo_half:predict", '{"instances": [1]}', 400, "to type: half"),
        ("OPTIONS", M, None, 400, "Origin header is missing in CORS preflight"),
        ("POST", "/readyz", "", 400, "Malformed request: POST /readyz"),
    ],
)
def test_errors_have_status_and_message(server, method, path, body, status, message):
    found, document, headers = server.ask(method, path, body)
    assert found == status
    assert headers["content-type"] == "application/json"
    assert list(document) == ["error"]
    assert message in document["error"]


def test_status_and_metadata(server):
    status, document, _ = server.ask("GET", M)
    assert status == 200
    assert document["model_version_status"][0]["state"] == "AVAILABLE"
    status, document, _ = server.ask("GET", M + "/versions/123/metadata")
    assert status == 200
    assert document["model_spec"]["version"] == "123"
    signatures = document["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models", "/statuspage", "/index.html"])
def test_other_paths_are_not_found(server, path):
    status, text, headers = server.ask("GET", path)
    assert (status, headers["content-type"]) == (404, "text/html")
    assert b"404 Not Found" in text


def test_a_query_is_ignored(server):
    assert server.ask("GET", M + "?verbose=1")[0] == 200


def test_every_type_comes_back(server):
    for name in ("float", "double", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"):
        assert server.predict(f"echo_{name}", {"inputs": [[1, 2]]}) == (200, {"outputs": [[1, 2]]})
    assert server.predict("echo_bool", {"instances": [True]}) == (200, {"predictions": [True]})
    assert server.predict("echo_string", {"instances": ["\u00e4"]}) == (
        200,
        {"predictions": ["\u00e4"]},
    )


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_accepted(server, encoding):
    body = gzip.compress(b'{"instances": [1.0]}')
    answer = server.ask("POST", M + ":predict", body, content_encoding=encoding)
    assert answer[:2] == (200, {"predictions": [2.5]})


def test_broken_gzip_is_refused(server):
    status, document, _ = server.ask("POST", M + ":predict", b"{}", content_encoding="gzip")
    assert status == 400
    assert "cannot be unpacked as gzip" in document["error"]


def test_a_request_id_comes_back_and_reaches_the_model(server):
    body = '{"instances": [1]}'
    headers = server.ask("POST", M + ":predict", body, x_request_id="id-7")[2]
    assert headers["x-request-id"] == "id-7"
    context = server.plane.contexts[-1]
    assert (context.request_id, context.entrypoint) == ("id-7", "REST")
    assert context.deadline is not None
    made = server.ask("POST", M + ":predict", body)[2]["x-request-id"]
    assert made == server.plane.contexts[-1].request_id
    assert len(made) == 32
    assert server.ask("GET", "/v1/x", x_request_id="a b\tc")[2]["x-request-id"] != "a b\tc"
    assert server.ask("GET", "/v1/x", x_request_id="id-8")[2]["x-request-id"] == "id-8"


def test_a_fault_of_the_server_is_logged_and_told_without_details(server, caplog):
    with caplog.at_level(logging.ERROR):
        status, document, headers = server.ask(
            "POST", "/v1/models/broken:predict", '{"instances": [1]}', x_request_id="id-9"
        )
    assert status == 500
    assert "id-9" in document["error"]
    assert "detail" not in document["error"]
    assert "KeyError" in caplog.text
    assert headers["x-request-id"] == "id-9"


def test_health_and_readiness(server):
    status, text, headers = server.ask("GET", "/healthz")
    assert (status, text, headers["content-type"]) == (200, b"ok", "text/plain")
    assert server.ask("HEAD", "/healthz")[:2] == (200, b"")
    assert server.ask("GET", "/readyz")[:2] == (200, {"ready": True})
    server.plane.is_ready = False
    try:
        assert server.ask("GET", "/readyz")[:2] == (503, {"ready": False})
        assert server.ask("GET", "/healthz")[0] == 200
    finally:
        server.plane.is_ready = True


def test_browsers_may_call_only_if_allowed(server):
    origin = {"origin": "https://example.org"}
    status, text, headers = server.ask("OPTIONS", M + ":predict", **origin)
    assert (status, text) == (200, b"")
    assert "access-control-allow-origin" not in headers
    with running(RestOptions(cors=True)) as open_server:
        for method, path, body in (
            ("OPTIONS", M + ":predict", None),
            ("GET", M, None),
            ("POST", M + ":predict", "no json"),
        ):
            headers = open_server.ask(method, path, body, **origin)[2]
            assert headers["access-control-allow-origin"] == "*"
            assert headers["access-control-allow-methods"] == "POST, GET"
            assert headers["access-control-allow-headers"] == "Content-Type"


def _only_with_token(header: str | None) -> None:
    if header != "Bearer secret":
        raise ServingError(StatusCode.UNAUTHENTICATED, "A token is missing or wrong.")


def test_credentials_guard_models_and_metrics_but_not_health():
    with running(authenticate=_only_with_token, metrics_text=lambda: b"m 1\n") as server:
        metrics = "/monitoring/prometheus/metrics"
        for method, path, body in (
            ("POST", M + ":predict", '{"instances": [1]}'),
            ("GET", M, None),
            ("GET", "/v1/foo", None),
            ("GET", metrics, None),
        ):
            status, document, headers = server.ask(method, path, body)
            assert (status, document) == (401, {"error": "A token is missing or wrong."})
            assert headers["www-authenticate"] == "Bearer"
            answer = server.ask(method, path, body, authorization="Bearer secret")
            assert answer[0] != 401
        for path in ("/healthz", "/readyz"):
            assert server.ask("GET", path)[0] == 200
        # A browser asks for leave before it has a token to send.
        assert server.ask("OPTIONS", M, origin="http://x")[0] == 200
        assert not server.plane.contexts[1:]


def test_metrics_have_a_path():
    text = b"# TYPE :tensorflow:serving:request_count counter\n"
    with running(metrics_text=lambda: text, metrics_path="/m") as server:
        status, found, headers = server.ask("GET", "/m")
        assert (status, found, headers["content-type"]) == (200, text, "text/plain")
        assert server.ask("POST", "/m", b"")[0] == 400
        assert server.ask("GET", "/m/")[0] == 404


def test_without_metrics_there_is_no_path(server):
    assert server.ask("GET", "/monitoring/prometheus/metrics")[0] == 404


def test_refusals_are_told_and_what_the_models_refused_is_not():
    refused = []

    def note(model, error):
        refused.append((model, error.code.name))

    with running(on_refused=note) as server:
        server.ask("GET", "/v1/foo")
        server.predict("half_plus_two", b"no json")
        server.predict("half_plus_two", {"instances": [1]})
        server.ask("GET", "/v1/models/unknown")
        server.predict("broken", {"instances": [1]})
    assert refused == [("", "INVALID_ARGUMENT"), ("half_plus_two", "INVALID_ARGUMENT")]


def test_the_clock_sets_deadlines():
    with running(RestOptions(timeout_ms=1_500), clock=lambda: 100.0) as server:
        server.predict("half_plus_two", {"instances": [1]})
        assert server.plane.contexts[0].deadline == 101.5
    with running(RestOptions(timeout_ms=0)) as server:
        server.predict("half_plus_two", {"instances": [1]})
        assert server.plane.contexts[0].deadline is None


def test_large_answers_arrive_whole(server):
    rows = np.random.default_rng(0).random((1_000, 100)).astype(np.float32)
    body = json.dumps({"instances": rows.tolist()})
    status, document, _ = server.ask("POST", "/v1/models/echo_float:predict", body)
    assert status == 200
    np.testing.assert_array_equal(np.array(document["predictions"], np.float32), rows)
