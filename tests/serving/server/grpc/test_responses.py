import hpack
import pytest

from serving.server.grpc import responses


def fields(block: bytes) -> list[tuple[str, str]]:
    pairs = hpack.Decoder().decode(block, raw=True)
    return [(name.decode(), value.decode()) for name, value in pairs]


STARTS = [
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-accept-encoding", "identity,deflate,gzip"),
]


def test_a_response_begins_with_what_grpc_requires_and_the_handlers_metadata():
    assert fields(responses.initial([])) == STARTS
    metadata: list[tuple[str, str | bytes]] = [("x-a", "1"), ("x-b-bin", b"\0\1")]
    assert fields(responses.initial(metadata)) == [*STARTS, ("x-a", "1"), ("x-b-bin", "AAE")]


def test_a_status_is_in_the_trailers():
    assert fields(responses.OK_TRAILERS) == [("grpc-status", "0")]
    assert fields(responses.trailers(5, "no\nmodel")) == [
        ("grpc-status", "5"),
        ("grpc-message", "no%0Amodel"),
    ]
    assert fields(responses.trailers_only(5, "")) == [*STARTS, ("grpc-status", "5")]


def test_a_long_message_is_cut():
    [_, (_, message)] = fields(responses.trailers(3, "x" * 2000))
    assert message == "x" * (1024 - 12) + "...TRUNCATED"


@pytest.mark.parametrize(
    "pair",
    [("X-A", "1"), ("grpc-status", "0"), (":path", "/"), ("x", "a\r\nb"), ("x", "é"), ("", "")],
)
def test_metadata_that_cannot_be_sent_are_refused(pair):
    with pytest.raises(ValueError, match="metadata"):
        responses.initial([pair])


def test_what_is_not_grpc_gets_an_http_status():
    assert fields(responses.http_error(415))[0] == (":status", "415")
    assert ("allow", "POST") in fields(responses.http_error(405))
