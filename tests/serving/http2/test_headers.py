import hpack
import pytest

from serving.http2.errors import ConnectionLevelError, ErrorCode
from serving.http2.headers import MAX_CACHED_BLOCKS, HeaderDecoder, encoded


class Interpreter:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, fields):
        self.calls += 1
        return tuple(fields)


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter()


@pytest.fixture
def decoder(interpreter) -> HeaderDecoder:
    return HeaderDecoder(interpreter, max_list_bytes=65536)


def test_the_request_of_the_rfc_is_decoded(decoder):
    # RFC 7541, C.4.1: the first request, Huffman coded.
    block = bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")
    assert decoder.decode(block) == (
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
    )


def test_a_block_that_comes_again_is_interpreted_once(decoder, interpreter):
    encoder = hpack.Encoder()
    fields = [(":method", "POST"), ("x-model", "taxi")]
    first, second, third = (encoder.encode(fields) for _ in range(3))
    assert first != second
    assert second == third
    expected = ((b":method", b"POST"), (b"x-model", b"taxi"))
    assert [decoder.decode(block) for block in (first, second, third)] == [expected] * 3
    assert interpreter.calls == 2  # the first filled the table, so it is not kept


def test_a_block_means_something_else_once_the_table_has_changed(decoder):
    encoder = hpack.Encoder()
    encoder.encode([("x-a", "1")])
    # Index 62 is the newest entry: the same byte stands for what was added last.
    decoder.decode(b"\x40\x03x-a\x011")
    assert decoder.decode(b"\xbe") == ((b"x-a", b"1"),)
    decoder.decode(b"\x40\x03x-b\x012")
    assert decoder.decode(b"\xbe") == ((b"x-b", b"2"),)


def test_a_change_of_the_table_by_trailers_counts_too(decoder):
    decoder.decode(b"\x40\x03x-a\x011")
    assert decoder.decode(b"\xbe") == ((b"x-a", b"1"),)
    decoder.fields(b"\x40\x03x-b\x012")
    assert decoder.decode(b"\xbe") == ((b"x-b", b"2"),)


def test_entries_evicted_by_a_size_update_are_gone(decoder):
    decoder.decode(b"\x40\x03x-a\x011")
    assert decoder.decode(b"\xbe") == ((b"x-a", b"1"),)
    decoder.decode(b"\x20\x3f\xe1\x1f\x82")  # size 0, then 4096 again
    with pytest.raises(ConnectionLevelError) as caught:
        decoder.decode(b"\xbe")
    assert caught.value.code == ErrorCode.COMPRESSION_ERROR


def test_any_sequence_of_blocks_means_what_hpack_says(decoder):
    encoder, reference = hpack.Encoder(), hpack.Decoder()
    for number in range(600):
        fields = [(":method", "POST"), ("x-id", str(number % 7)), (f"x-{number % 90}", "v" * 60)]
        block = encoder.encode(fields, huffman=number % 2 == 0)
        assert list(decoder.decode(block)) == [tuple(f) for f in reference.decode(block, raw=True)]


def test_blocks_that_never_repeat_do_not_pile_up(decoder, interpreter):
    for number in range(MAX_CACHED_BLOCKS * 3):
        value = b"%06d" % number
        assert decoder.decode(b"\x00\x01x\x06" + value) == ((b"x", value),)
    assert len(decoder._cache) <= MAX_CACHED_BLOCKS


@pytest.mark.parametrize(
    "block", [b"\x80", b"\xff\xff\xff\xff\xff\xff\xff", b"\x40\x05ab", b"\x7f"]
)
def test_what_is_not_hpack_ends_the_connection(decoder, block):
    with pytest.raises(ConnectionLevelError) as caught:
        decoder.decode(block)
    assert caught.value.code == ErrorCode.COMPRESSION_ERROR


def test_a_list_that_grows_in_decoding_is_refused(interpreter):
    decoder = HeaderDecoder(interpreter, max_list_bytes=1000)
    decoder.decode(b"\x40\x01x\x7f\x01" + b"a" * 128)
    with pytest.raises(ConnectionLevelError) as caught:
        decoder.decode(b"\xbe" * 7)  # 7 * (1 + 128 + 32) = 1127
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 16_510, 70_000])
def test_hpack_reads_what_is_encoded(size):
    fields = [(b":status", b"200"), (b":status", b"415"), (b"x-long", b"v" * size)]
    reader = hpack.Decoder(max_header_list_size=100_000)
    assert [tuple(field) for field in reader.decode(encoded(fields), raw=True)] == fields
    assert not reader.header_table.dynamic_entries
