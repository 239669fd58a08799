import gzip
import struct
import zlib

import pytest

from serving.server.grpc import framing
from serving.wire.errors import ServingError, StatusCode


def prefixed(body: bytes, compressed: int = 0) -> bytes:
    return struct.pack(">BI", compressed, len(body)) + body


STREAM = prefixed(b"one") + prefixed(b"") + prefixed(b"x" * 1000, compressed=1) + prefixed(b"y")
MESSAGES = [(False, b"one"), (False, b""), (True, b"x" * 1000), (False, b"y")]


@pytest.mark.parametrize("size", [1, 4, 5, 6, 8, 500, 5000])
def test_messages_are_the_same_however_the_bytes_are_cut(size):
    reader = framing.MessageReader(1000)
    parts = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [message for part in parts for message in reader.feed(part)] == MESSAGES
    assert not reader.in_message


def test_a_message_over_the_limit_is_refused_by_its_prefix_alone():
    with pytest.raises(ServingError) as caught:
        framing.MessageReader(10).feed(b"\0\0\0\0\x0b")
    assert caught.value.code == StatusCode.RESOURCE_EXHAUSTED
    assert str(caught.value) == "Received message larger than max (11 vs. 10)"


def test_a_prefix_that_is_not_grpcs_is_refused():
    with pytest.raises(ServingError) as caught:
        framing.MessageReader(10).feed(b"GET /")
    assert caught.value.code == StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (prefixed(b"one"), b"one"),
        (prefixed(b""), b""),
        (b"", None),
        (b"\0\0\0\0", None),
        (prefixed(b"one")[:-1], None),
        (prefixed(b"one") + b"x", None),
        (prefixed(b"one", compressed=1), None),
        (prefixed(b"12345678901"), None),
    ],
)
def test_one_whole_message_is_told_from_all_else(data, message):
    assert framing.whole_message(data, 10) == message


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_messages_are_decompressed_up_to_the_limit(encoding, compress):
    assert framing.decompressed(compress(b"x" * 1000), encoding, 1000) == b"x" * 1000
    with pytest.raises(ServingError) as caught:
        framing.decompressed(compress(b"x" * 50_000_000), encoding, 1000)
    assert caught.value.code == StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("message", "encoding"),
    [(b"plain", "gzip"), (gzip.compress(b"x" * 99)[:-9], "gzip"), (b"x", "identity")],
)
def test_what_is_not_compressed_as_it_says_is_refused(message, encoding):
    with pytest.raises(ServingError) as caught:
        framing.decompressed(message, encoding, 1000)
    assert caught.value.code == StatusCode.INTERNAL


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"2H", 7200), (b"3M", 180), (b"5S", 5), (b"250m", 0.25), (b"1u", 1e-6), (b"99999999n", 0.1)],
)
def test_timeouts_have_units(value, seconds):
    assert framing.timeout_sec(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"1", b"S", b"1s", b"123456789S", b"-1S", b"1.5S", b"1S "])
def test_a_timeout_that_is_malformed_is_refused(value):
    with pytest.raises(ValueError, match="grpc-timeout"):
        framing.timeout_sec(value)


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        ('plain text, "quoted"!', b'plain text, "quoted"!'),
        ("100%", b"100%25"),
        ("a\nb", b"a%0Ab"),
        ("Modèle", b"Mod%C3%A8le"),
        ("\ud800", b"?"),
    ],
)
def test_status_messages_are_percent_encoded(message, encoded):
    assert framing.percent_encoded(message) == encoded


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (b"AAEC", b"\0\1\2"),
        (b"AAE=", b"\0\1"),
        (b"AAE", b"\0\1"),
        (b"AA", b"\0"),
        (b"", b""),
        (b"AA,AQ==", b"\0,\1"),
    ],
)
def test_binary_metadata_are_base64_with_or_without_padding(value, decoded):
    assert framing.binary_value(value) == decoded


def test_binary_metadata_that_are_not_base64_are_refused():
    with pytest.raises(ValueError, match="base64"):
        framing.binary_value(b"a")
