"""Bodies, kept and unpacked only as far as allowed."""

import asyncio
import gzip
import zlib

import pytest
from rest_json import refusal

from serving.server.rest.bodies import Body, BodyTooLargeError, gunzip, read_body

LIMIT = 1_000


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_gzip_is_unpacked(size):
    assert gunzip(gzip.compress(b"x" * size), LIMIT) == b"x" * size


def test_all_members_are_unpacked():
    assert gunzip(gzip.compress(b"a") + gzip.compress(b"b"), LIMIT) == b"ab"


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"x" * (LIMIT + 1)),
        gzip.compress(b"x" * LIMIT) + gzip.compress(b"x"),
        gzip.compress(b"x" * 10_000_000),
    ],
)
def test_more_than_the_limit_is_refused(body):
    code, message = refusal(gunzip, body, LIMIT)
    assert code == "RESOURCE_EXHAUSTED"
    assert "at most 1000 bytes" in message


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        gzip.compress(b"abc")[:-1],
        gzip.compress(b"abc")[:5],
        gzip.compress(b"abc") + b"rest",
        gzip.compress(b"abc")[:-8] + bytes(8),
        zlib.compress(b"abc"),
    ],
)
def test_what_is_no_gzip_is_refused(body):
    code, message = refusal(gunzip, body, LIMIT)
    assert code == "INVALID_ARGUMENT"
    assert "cannot be unpacked as gzip" in message


async def received(pieces, limit=LIMIT, headers=None):
    """Reads a body whose pieces come while somebody waits for them."""
    wanted = []
    body = Body(limit, lambda: wanted.append(True))
    reading = asyncio.create_task(read_body(body, headers or {}))
    for piece in pieces:
        await asyncio.sleep(0)
        body.add(piece)
    body.end()
    try:
        return await reading, len(wanted)
    except BodyTooLargeError:
        return None, len(wanted)


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"a", b"bc", b""], [b"x"] * LIMIT])
def test_pieces_are_put_together(pieces):
    assert asyncio.run(received(pieces)) == (b"".join(pieces), 1)


@pytest.mark.parametrize("pieces", [[b"x" * (LIMIT + 1)], [b"x"] * (LIMIT + 1)])
def test_more_than_the_limit_is_not_kept(pieces):
    assert asyncio.run(received(pieces)) == (None, 1)


def test_what_is_announced_as_too_large_is_not_even_wanted():
    headers = {b"content-length": b"%d" % (LIMIT + 1)}
    assert asyncio.run(received([], headers=headers)) == (None, 0)


def test_a_packed_body_is_unpacked():
    headers = {b"content-encoding": b"GZip"}
    packed = gzip.compress(b"abc")
    assert asyncio.run(received([packed[:5], packed[5:]], headers=headers)) == (b"abc", 1)


def test_a_body_that_was_answered_is_dropped():
    body = Body(LIMIT, lambda: None)
    body.add(b"abc")
    body.drop()
    for _ in range(10):
        body.add(b"x" * LIMIT)
    assert body.wanted  # nothing is held back for want of a reader
    assert not body._pieces
