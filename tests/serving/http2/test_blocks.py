"""Against hpack's own decoder."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http2.blocks import BlockDecoder

LIMIT = 65536
NAMES = st.sampled_from([b":method", b":path", b"content-type", b"x-trace", b"x-very-own"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=200) | st.just(b"POST")), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FIELDS, st.booleans(), st.integers(0, 4096) | st.none()), max_size=8))
def test_what_an_encoder_writes_is_read(blocks):
    encoder, decoder = hpack.Encoder(), BlockDecoder(LIMIT)
    for fields, huffman, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        assert decoder.decode(encoder.encode(fields, huffman=huffman)) == fields


def outcome(decode, block):
    try:
        return [tuple(field) for field in decode(block)]
    except (hpack.HPACKError, IndexError, ValueError):
        return "refused"


@settings(max_examples=1000, deadline=None, derandomize=True)  # hpack accepts longer numbers
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_read_or_refused_as_hpack_does(blocks):
    reference, decoder = hpack.Decoder(max_header_list_size=LIMIT), BlockDecoder(LIMIT)
    for block in blocks:
        expected = outcome(lambda data: reference.decode(data, raw=True), block)
        assert outcome(decoder.decode, block) == expected
        if expected == "refused":
            return
        assert list(decoder.table.dynamic_entries) == list(reference.header_table.dynamic_entries)


def test_the_requests_of_the_rfc_are_decoded():
    # RFC 7541, C.4: three requests with Huffman coding, the table in between.
    decoder = BlockDecoder(LIMIT)
    decoder.decode(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"))
    second = decoder.decode(bytes.fromhex("828684be5886a8eb10649cbf"))
    third = decoder.decode(bytes.fromhex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"))
    assert second[-1] == (b"cache-control", b"no-cache")
    assert third[-3:] == [
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ]


@pytest.mark.parametrize("block", [b"\xff" + b"\x80" * 9 + b"\1", b"\x7f" + b"\xff" * 100])
def test_numbers_without_end_are_refused(block):
    with pytest.raises(hpack.HPACKDecodingError):
        BlockDecoder(LIMIT).decode(block)
