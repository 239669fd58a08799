import dataclasses

import pytest

from serving.server.grpc.heads import head_of
from serving.wire.errors import StatusCode

FIELDS = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/test.S/Echo"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
]


def test_metadata_are_what_the_caller_added():
    head = head_of(
        [
            *FIELDS,
            (b"user-agent", b"tests"),
            (b"grpc-accept-encoding", b"gzip"),
            (b"x-twice", b"a"),
            (b"x-twice", b"b"),
            (b"x-data-bin", b"AAE"),
        ]
    )
    assert head.method == "/test.S/Echo"
    assert head.metadata == {"user-agent": "tests", "x-twice": "a,b", "x-data-bin": b"\0\1"}
    assert (head.timeout_sec, head.encoding) == (None, "identity")
    assert (head.http_refusal, head.refusal) == (None, None)


def test_a_head_may_be_shared_by_calls():
    head = head_of(FIELDS)
    with pytest.raises(TypeError):
        head.metadata["x"] = "y"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        head.method = "/other"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [b"application/grpc+proto", b"application/grpc;charset=utf-8"])
def test_content_types_of_grpc_are_accepted(kind):
    assert head_of([*FIELDS[:4], (b"content-type", kind)]).http_refusal is None


@pytest.mark.parametrize("kind", [b"", b"application/json", b"application/grpc-web", b"text/plain"])
def test_other_content_types_are_refused(kind):
    assert head_of([*FIELDS[:4], (b"content-type", kind)]).http_refusal == 415


def test_other_verbs_are_refused():
    assert head_of([(b":method", b"GET"), *FIELDS[1:]]).http_refusal == 405


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ((b"grpc-encoding", b"snappy"), StatusCode.UNIMPLEMENTED),
        ((b"grpc-timeout", b"soon"), StatusCode.INTERNAL),
        ((b"x-data-bin", b"a"), StatusCode.INTERNAL),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_with_a_reason(field, code):
    refusal = head_of([*FIELDS, field]).refusal
    assert refusal is not None
    assert refusal.code == code
    assert field[1].decode() in refusal.message or field[0].decode() in refusal.message


def test_a_timeout_beyond_all_clocks_is_cut():
    assert head_of([*FIELDS, (b"grpc-timeout", b"99999999H")]).timeout_sec == 315_360_000
