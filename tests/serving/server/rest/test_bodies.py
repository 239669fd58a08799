"""gzip, unpacked only as far as allowed."""

import gzip
import zlib

import pytest
from rest_json import refusal

from serving.server.rest.bodies import gunzip

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
