"""Paths; the cases follow TensorFlow Serving's http_rest_api_handler_test.cc."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_json import refusal

from serving.server.rest.routes import Route, find, is_api
from serving.wire.errors import ServingError
from serving.wire.messages import ModelSpec


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/models/m:predict", Route("predict", "m")),
        ("POST", "/v1/models/m/versions/7:classify", Route("classify", "m", version=7)),
        ("POST", "/v1/models/m/versions/007:regress", Route("regress", "m", version=7)),
        ("POST", "/v1/models/m/labels/stable:predict", Route("predict", "m", label="stable")),
        ("POST", "/V1/Models/Mixed/LABELS/Aa:PREDICT", Route("predict", "Mixed", label="Aa")),
        ("POST", "/v1/models/a%20b%2Fc%3A%C3%A4:predict", Route("predict", "a b/c:\u00e4")),
        ("POST", "/v1/models/..%2f..%2fetc:predict", Route("predict", "../../etc")),
        ("POST", "/v1/models/a+b:predict", Route("predict", "a+b")),
        ("GET", "/v1/models/m", Route("status", "m")),
        ("GET", "/v1/models/m/metadata", Route("metadata", "m")),
        ("GET", "/v1/models/m/versions/9223372036854775807", Route("status", "m", 2**63 - 1)),
        ("GET", "/v1/models/m/versions/1/metadata", Route("metadata", "m", version=1)),
        ("GET", "/v1/models/m/labels/a%25/metadata", Route("metadata", "m", label="a%")),
    ],
)
def test_paths_mean_calls(method, path, route):
    assert find(method, path) == route


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/debug/model_name"),
        ("POST", "/v1/models"),
        ("GET", "/v1/models/foo:predict"),
        ("GET", "/v1/models/foo/version/50:predict"),
        ("POST", "/v1/models/foo/version/50:regress"),
        ("POST", "/v1/models/foo/versions/HELLO:regress"),
        ("POST", "/v1/models/foo/versions/-1:regress"),
        ("POST", "/v1/models/foo/versions/\u0661:regress"),
        ("POST", "/v1/models/foo/metadata"),
        ("POST", "/v1/models/foo/label/some_label:regress"),
        ("POST", "/v1/models/foo/versions/50/labels/some_label:regress"),
        ("POST", "/v1/models/foo:predict/"),
        ("POST", "/v1/models/foo:predict\n"),
        ("POST", "/v1/models/foo:multi_inference"),
        ("PUT", "/v1/models/foo"),
        ("HEAD", "/v1/models/foo"),
        ("DELETE", "/v1/models/foo"),
    ],
)
def test_other_paths_are_malformed(method, path):
    assert refusal(find, method, path) == (
        "INVALID_ARGUMENT",
        f"Malformed request: {method} {path}",
    )


def test_a_model_has_to_be_named():
    assert refusal(find, "GET", "/v1/models") == (
        "INVALID_ARGUMENT",
        "Missing model name in request.",
    )


@pytest.mark.parametrize("digits", [str(2**63), str(2**64), "9" * 10_000])
def test_versions_are_64_bits(digits):
    assert refusal(find, "POST", f"/v1/models/m/versions/{digits}:predict") == (
        "INVALID_ARGUMENT",
        f"Failed to convert version: {digits} to numeric.",
    )


@pytest.mark.parametrize("path", ["/v1/models/%FF:predict", "/v1/models/m/labels/%80:predict"])
def test_names_are_utf8(path):
    assert refusal(find, "POST", path)[1].startswith("Failed to decode model ")


def test_a_route_makes_a_model_spec():
    assert Route("predict", "m").model_spec() == ModelSpec(name="m")
    assert Route("predict", "m", label="l").model_spec() == ModelSpec(name="m", version_label="l")
    assert Route("predict", "m", version=0).model_spec().version.value == 0
    assert Route("predict", "m", version=0).model_spec().HasField("version")


def test_only_v1_is_the_interface():
    assert is_api("/v1/")
    assert is_api("/V1/models")
    assert not is_api("/v1")
    assert not is_api("/v2/models")


@given(st.sampled_from(["GET", "POST"]), st.text("/v1models:%2Ff\u00e9 \n", max_size=30))
def test_any_path_is_a_route_or_refused(method, path):
    try:
        route = find(method, "/v1/models/m" + path)
    except ServingError:
        return
    assert route.model
