"""REST, line by line: paths, rows and columns, values, errors, status and metadata."""

import gzip
import json
import socket

import pytest

PREDICT = "/v1/models/half:predict"


def predicted(server, model, document):
    answer = server.ask("POST", f"/v1/models/{model}:predict", document)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return answer


@pytest.mark.parametrize(
    ("model", "document", "expected"),
    [
        ("half", {"instances": [[2.0], [4.0]]}, {"predictions": [[3.0], [4.0]]}),
        ("half", {"instances": [{"x": [2.0]}]}, {"predictions": [[3.0]]}),
        ("half", {"instances": [2.0, 4, 5]}, {"predictions": [3.0, 4.0, 4.5]}),
        ("half", {"inputs": [[2.0], [4.0]]}, {"outputs": [[3.0], [4.0]]}),
        ("half", {"inputs": {"x": [[2.0]]}, "other": 1}, {"outputs": [[3.0]]}),
        ("half", {"inputs": 2.0}, {"outputs": 3.0}),
        ("half/versions/123", {"instances": [2.0]}, {"predictions": [3.0]}),
        ("half/labels/stable", {"instances": [2.0]}, {"predictions": [3.0]}),
        (
            "pair",
            {"instances": [{"a": 2, "b": 3}, {"b": 5, "a": 4}]},
            {
                "predictions": [
                    {"sum": 5.0, "product": 6.0, "a_again": 2.0},
                    {"sum": 9.0, "product": 20.0, "a_again": 4.0},
                ]
            },
        ),
        (
            "pair",
            {"inputs": {"a": [2], "b": [3]}},
            {"outputs": {"sum": [5.0], "product": [6.0], "a_again": [2.0]}},
        ),
        (
            "total",
            {"inputs": [1, 2]},
            {"outputs": {"total": 3.0, "word": "end\0"}},
        ),
        (
            "several",
            {"signature_name": "triple", "instances": [1.5]},
            {"predictions": [4.5]},
        ),
        (
            "text",
            {"instances": ["a", {"b64": "/w=="}]},
            {
                "predictions": [
                    {"text_bytes": {"b64": "YQ=="}, "length": 1},
                    {"text_bytes": {"b64": "/w=="}, "length": 1},
                ]
            },
        ),
    ],
)
def test_predict(server, model, document, expected):
    assert predicted(server, model, document).json == expected


@pytest.mark.parametrize(
    ("signature", "values", "written"),
    [
        ("float32", "[1, 0.1, -2.5e30]", "[1.0, 0.1, -2.5e+30]"),
        ("float32", "[NaN, Infinity, -Infinity]", "[NaN, Infinity, -Infinity]"),
        ("float64", "[0.1, 1e300]", "[0.1, 1e+300]"),
        ("int32", "[1, -2147483648]", "[1, -2147483648]"),
        ("int64", "[9223372036854775807]", "[9223372036854775807]"),
        ("uint64", "[18446744073709551615]", "[18446744073709551615]"),
        ("bool", "[true, false]", "[true, false]"),
        ("string", '["\\u00e4"]', '["\u00e4"]'),
    ],
)
def test_values_are_written_in_full(server, signature, values, written):
    body = f'{{"signature_name": "{signature}", "instances": {values}}}'
    text = predicted(server, "types", body).body.decode()
    found = "".join(text.partition("[")[1:]).rstrip().removesuffix("}").strip()
    assert [x.strip() for x in found.strip("[]").split(",")] == [
        x.strip() for x in written.strip("[]").split(",")
    ]


@pytest.mark.parametrize(
    ("model", "document", "status"),
    [
        ("half", {"instances": [1], "inputs": [1]}, 400),
        ("half", {}, 400),
        ("half", {"instances": []}, 400),
        ("half", {"instances": {}}, 400),
        ("half", {"instances": [[1], [1, 2]]}, 400),
        ("half", {"instances": ["a"]}, 400),
        ("half", {"instances": [True]}, 400),
        ("half", {"instances": [{"z": 1}]}, 400),
        ("half", {"instances": [{"x": 1, "z": 1}]}, 400),
        ("half", {"inputs": {"z": 1}}, 400),
        ("half", {"signature_name": 1, "instances": [1]}, 400),
        ("half", {"signature_name": "s", "instances": [1]}, 400),
        ("half", "", 400),
        ("half", "{", 400),
        ("half", "[]", 400),
        ("pair", {"instances": [1]}, 400),
        ("pair", {"instances": [{"a": 1}]}, 400),
        ("pair", {"inputs": [1]}, 400),
        ("total", {"instances": [1]}, 400),
        ("failing", {"instances": [-1]}, 400),
        ("types", {"signature_name": "int32", "instances": [1.0]}, 400),
        ("types", {"signature_name": "int8", "instances": [128]}, 400),
        ("types", {"signature_name": "uint8", "instances": [-1]}, 400),
        ("types", {"signature_name": "float16", "instances": [1]}, 400),
        ("types", {"signature_name": "float16", "inputs": [1]}, 501),
        ("types", {"signature_name": "complex64", "instances": [1]}, 400),
        ("types", {"signature_name": "complex64", "inputs": [1]}, 501),
        ("nobody", {"instances": [1]}, 404),
        ("half/versions/9", {"instances": [1]}, 404),
        ("half/labels/nobody", {"instances": [1]}, 400),
    ],
)
def test_predict_refuses(server, model, document, status):
    answer = server.ask("POST", f"/v1/models/{model}:predict", document)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.error


@pytest.mark.parametrize(
    ("model", "document", "text"),
    [
        ("nobody", {"instances": [1]}, "Servable not found for request: Latest(nobody)"),
        (
            "half",
            {"signature_name": "s", "instances": [1]},
            'Serving signature name: "s" not found in signature def',
        ),
        ("half/labels/L", {"instances": [1]}, "Unrecognized servable version label: L"),
    ],
)
def test_errors_have_the_text_of_grpc(server, model, document, text):
    assert server.ask("POST", f"/v1/models/{model}:predict", document).error == text


@pytest.mark.parametrize(
    ("call", "examples", "expected"),
    [
        (
            "flowers:classify",
            [{"size": 0.25}, {"size": 1.0}],
            [[["small", 0.75], ["large", 0.25]], [["small", 0.0], ["large", 1.0]]],
        ),
        ("half:classify", [{"x": 2.0}], [[["", 3.0]]]),
        ("half:regress", [{"x": 2.0}, {"x": [20.0]}], [3.0, 12.0]),
    ],
)
def test_classify_and_regress(server, call, examples, expected):
    model, _, method = call.partition(":")
    signature = "serving_default" if model == "flowers" else f"{method}_x_to_y"
    answer = server.ask(
        "POST", f"/v1/models/{call}", {"signature_name": signature, "examples": examples}
    )
    assert (answer.status, answer.json) == (200, {"results": expected})


def test_the_context_is_merged_into_each_example(server):
    document = {
        "signature_name": "regress_x2_to_y3",
        "context": {"x2": 2.0},
        "examples": [{"x": 1.0}, {"x": 1.0, "x2": 4.0}],
    }
    assert server.ask("POST", "/v1/models/half:regress", document).json == {"results": [5.0, 6.0]}


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"examples": []}, 400),
        ({}, 400),
        ({"examples": [{"x": None}]}, 400),
        ({"examples": [[1]]}, 400),
        ({"signature_name": "s", "examples": [{"x": 1.0}]}, 400),
        # JSON's integer becomes int64, where the model wants a float.
        ({"signature_name": "regress_x_to_y", "examples": [{"x": 1}]}, 400),
    ],
)
def test_regress_refuses(server, document, status):
    answer = server.ask("POST", "/v1/models/half:regress", document)
    assert answer.status == status, answer.body
    assert answer.error


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
        ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
        ("POST", "/v1/models/half", 400, "Malformed request: POST /v1/models/half"),
        ("PUT", "/v1/models/half", 400, "Malformed request: PUT /v1/models/half"),
        ("DELETE", PREDICT, 400, f"Malformed request: DELETE {PREDICT}"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/nobody", 404, "Could not find any versions of model nobody"),
        ("GET", "/v1/models/half/versions/9", 404, "Could not find version 9 of model half"),
        (
            "GET",
            "/v1/models/nobody/metadata",
            404,
            "Servable not found for request: Latest(nobody)",
        ),
    ],
)
def test_paths_that_mean_nothing(server, method, path, status, text):
    answer = server.ask(method, path)
    assert (answer.status, answer.error) == (status, text)


@pytest.mark.parametrize("path", ["/", "/v2/models", "/favicon.ico"])
def test_outside_of_the_interface_there_is_html(server, path):
    answer = server.ask("GET", path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/V1/MODELS/half:PREDICT", "/v1/models/hal%66:predict", PREDICT])
def test_paths_are_decoded_and_their_case_is_ignored(server, path):
    assert server.ask("POST", path, {"instances": [2.0]}).json == {"predictions": [3.0]}


@pytest.mark.parametrize(
    ("origin", "status"), [("https://a.example", 200), ("http://a", 200), ("ftp://a", 400)]
)
def test_options_ask_for_an_origin(server, origin, status):
    answer = server.ask("OPTIONS", PREDICT, headers={"Origin": origin})
    assert answer.status == status
    assert (answer.headers.get("access-control-allow-origin") == "*") or status == 400


def test_bodies_may_come_as_gzip(server):
    body = gzip.compress(json.dumps({"instances": [2.0]}).encode())
    answer = server.ask("POST", PREDICT, body, {"Content-Encoding": "gzip"})
    assert answer.json == {"predictions": [3.0]}


def test_both_internet_protocols_are_served(server):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
            continue
        with socket.socket(family) as sock:
            sock.connect((address, server.rest_port))
            sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("path", "versions"),
    [
        ("half", ["124", "123"]),
        ("half/versions/123", ["123"]),
        ("half/labels/nobody", ["124", "123"]),
    ],
)
def test_status(server, path, versions):
    assert server.ask("GET", f"/v1/models/{path}").json == {
        "model_version_status": [
            {
                "version": version,
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
            for version in versions
        ]
    }


def test_metadata_spells_the_signatures_out(server):
    document = server.ask("GET", "/v1/models/half/versions/123/metadata").json
    assert list(document) == ["model_spec", "metadata"]
    assert document["model_spec"] == {"name": "half", "signature_name": "", "version": "123"}
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["defaults"] == {}
    assert signature["method_name"] == "tensorflow/serving/predict"
    x = signature["inputs"]["x"]
    assert x["dtype"] == "DT_FLOAT"
    assert x["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
        "unknown_rank": False,
    }


def test_an_answer_has_the_id_of_its_request(server):
    answer = server.ask("POST", PREDICT, {"instances": [2.0]}, {"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_model_name(server, path):
    assert server.ask("GET", path).status == 200
