"""Arrays become JSON with the fewest digits, and nothing is lost."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rest_json import NUMBERS

from serving.wire.json_arrays import dump_array, dump_rows

FLOAT32 = [0.1, 0.2, 1 / 3, 3.4028235e38, 1.1754944e-38, 1e-45, 16777216.0, 2.5, -0.0, 123456.79]


@pytest.mark.parametrize("value", [np.float32(value) for value in FLOAT32])
def test_float32_has_as_many_digits_as_numpy_needs(value):
    """NumPy's own shortest digits, from Dragon4, are the reference."""
    written = dump_array(np.array([value]))[1:-1].decode()
    reference = np.format_float_scientific(value, unique=True, trim="0")
    assert np.float32(written) == value
    assert _digits(written) == _digits(reference)


@given(hnp.arrays(np.float32, 20, elements=st.floats(width=32, allow_nan=False)))
def test_any_float32_has_as_many_digits_as_numpy_needs(array):
    for value, written in zip(array, dump_rows(array), strict=True):
        assert np.float32(written.decode()) == value or not np.isfinite(value)
        if np.isfinite(value):
            assert _digits(written.decode()) == _digits(np.format_float_scientific(value))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("value", "text"), [(1, b"1.0"), (-3, b"-3.0"), (0, b"0.0"), (2.5, b"2.5"), (1e10, None)]
)
def test_whole_floats_look_like_floats(dtype, value, text):
    written = dump_array(np.array(value, dtype))
    assert text in {written, None}
    assert isinstance(json.loads(written), float)


def test_what_is_not_finite_is_a_token():
    array = np.array([[np.nan, 1.0], [np.inf, -np.inf]], np.float32)
    assert dump_array(array) == b"[[NaN,1.0],[Infinity,-Infinity]]"
    assert dump_rows(array) == [b"[NaN,1.0]", b"[Infinity,-Infinity]"]
    assert dump_array(np.array(np.nan, np.float64)) == b"NaN"


@given(
    hnp.arrays(
        st.sampled_from(NUMBERS),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    )
)
def test_arrays_come_back(array):
    written = json.loads(dump_array(array))
    np.testing.assert_array_equal(np.array(written, array.dtype).reshape(array.shape), array)
    rows = [json.loads(row) for row in dump_rows(array)]
    assert len(rows) == len(array)
    np.testing.assert_equal(rows, written)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 2), (2, 0, 3)])
def test_empty_and_scalar_arrays_keep_their_shape(shape):
    array = np.ones(shape, np.float32)
    assert json.loads(dump_array(array)) == array.tolist()


def test_a_transposed_array_is_written_as_it_reads():
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert dump_array(array) == b"[[0,3],[1,4],[2,5]]"


def test_texts_are_texts_or_base64():
    texts = np.array([[b"null", b"\xc3\xa4"], [b'"', b""]], object)
    assert json.loads(dump_array(texts)) == [["null", "\u00e4"], ['"', ""]]
    assert dump_array(texts[0], as_b64=True) == b'[{"b64":"bnVsbA=="},{"b64":"w6Q="}]'
    assert [json.loads(row) for row in dump_rows(texts)] == [["null", "\u00e4"], ['"', ""]]
    assert dump_array(np.array(b"a", object)) == b'"a"'
    assert dump_array(np.empty((2, 0), object)) == b"[[],[]]"


def test_bytes_that_are_no_utf8_go_out_as_they_are():
    assert dump_array(np.array([b"\xff\xed\xa0\x80a"], object)) == b'["\xff\xed\xa0\x80a"]'


def _digits(text: str) -> str:
    """The significant digits of a decimal number, without sign, point, exponent and outer zeros."""
    return text.lower().split("e")[0].lstrip("-").replace(".", "").strip("0")
