"""Bytes to exchanges, wherever the network cuts them."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.rest.reader import MAX_HEAD_BYTES, RefusedError, RequestReader

STREAM = (
    b"POST /v1/models/m:predict?x=1 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n"
    b"Content-Length: 5\r\n\r\nfirst"
    b"\r\nGET http://x/v1/models/%6D HTTP/1.1\r\nhost: x\r\n\r\n"
    b"PUT /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nx-a: trailer\r\n\r\n"
    b"HEAD / HTTP/1.0\r\n\r\n"
)


def reading(limit=100):
    exchanges: list[Any] = []
    return RequestReader(exchanges.append, limit, lambda: None), exchanges


async def described(exchange):
    body = await exchange.body.whole()
    return exchange.method, exchange.path, exchange.headers.get(b"x-a"), body


def at_once(coroutine):
    """Runs what has nothing to wait for."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts):
    reader, exchanges = reading()
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, stop in itertools.pairwise(edges):
        if start < stop:
            reader.feed(STREAM[start:stop])
    assert [at_once(described(exchange)) for exchange in exchanges] == [
        ("POST", "/v1/models/m:predict", b"2", b"first"),
        ("GET", "/v1/models/%6D", None, b""),
        ("PUT", "/c", None, b"abcde"),
        ("HEAD", "/", None, b""),
    ]
    assert reader.is_ended
    assert reader.receiving is None


def test_an_exchange_comes_before_its_body():
    reader, exchanges = reading()
    reader.feed(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab")
    assert reader.receiving is exchanges[0]
    assert (exchanges[0].body.size, exchanges[0].body.complete) == (2, False)
    reader.feed(b"cd")
    assert reader.receiving is None
    assert exchanges[0].body.complete


@pytest.mark.parametrize(
    "noise",
    [
        b"no HTTP\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nx\0y: z\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\nmore",
    ],
)
def test_what_is_no_http_is_refused(noise):
    reader, _ = reading()
    with pytest.raises(RefusedError, match="Malformed request") as error:
        reader.feed(noise)
    assert error.value.status == 400


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nx: ",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
    ],
)
def test_nothing_but_a_body_may_grow_for_ever(start):
    reader, _ = reading()
    reader.feed(start)
    for _ in range(MAX_HEAD_BYTES // 1_000 - 1):
        reader.feed(b"x" * 1_000)
    with pytest.raises(RefusedError) as error:
        reader.feed(b"x" * 2_000)
    assert error.value.status == 431
