import pytest

from serving.http2.requests import MalformedRequestError, check_trailers, content_length

VALID = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b"te", b"trailers")]


def test_a_valid_request_has_its_length():
    assert content_length(VALID) is None
    assert content_length([*VALID, (b"content-length", b"12"), (b"content-length", b"12")]) == 12


@pytest.mark.parametrize(
    "fields",
    [
        VALID[1:],
        VALID[:1] + VALID[2:],
        VALID[:2],
        [(b":path", b""), *VALID[:2]],
        [*VALID, (b":path", b"/b")],
        [VALID[3], *VALID[:3]],
        [VALID[0], *VALID],
        [(b":status", b"200"), *VALID],
        [*VALID, (b"X-Upper", b"1")],
        [*VALID, (b"", b"1")],
        [*VALID, (b"a b", b"1")],
        [*VALID, (b"a", b"x\r\ny: z")],
        [*VALID, (b"a", b"\0")],
        [*VALID, (b"connection", b"close")],
        [*VALID, (b"transfer-encoding", b"chunked")],
        [*VALID[:3], (b"te", b"gzip")],
        [*VALID, (b"content-length", b"-1")],
        [*VALID, (b"content-length", b"1"), (b"content-length", b"2")],
        [*VALID, (b"content-length", b"9" * 5000)],
    ],
)
def test_a_request_that_breaks_a_rule_is_malformed(fields):
    with pytest.raises(MalformedRequestError):
        content_length(fields)


def test_trailers_have_no_pseudo_headers():
    check_trailers([(b"x", b"y")])
    with pytest.raises(MalformedRequestError):
        check_trailers([(b":path", b"/")])
    with pytest.raises(MalformedRequestError):
        check_trailers([(b"X", b"y")])
