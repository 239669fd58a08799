"""Tensors to JSON: whole arrays at a time, since orjson writes a NumPy array in one go.

Floats have the fewest digits that read back as the same float of their own width: 0.1 as float32 is
`0.1`. Whole ones end in `.0`, so that a reader sees a float. NaN and the infinities, which JSON has
no words for, are the tokens NaN, Infinity and -Infinity. A text that is no UTF-8 goes out as the
bytes it is, as from TensorFlow Serving; an output named `..._bytes` is the way to have Base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from serving.wire.json_tensors import B64

_NULL = b"null"  # what orjson writes for a float that is not finite


def dump_array(array: np.ndarray, *, as_b64: bool = False) -> bytes:
    """Returns an array as JSON, lists in lists; a scalar alone.

    Args:
        array: Numbers, booleans, or an object array of `bytes`.
        as_b64: Whether texts are written as objects `{"b64": ...}`.
    """
    if array.dtype.hasobject:
        return dump_texts(_texts(array, as_b64))
    return _numbers(array)


def dump_rows(array: np.ndarray, *, as_b64: bool = False) -> list[bytes]:
    """Returns an array as one JSON text for each index of its first dimension.

    Args:
        array: Of rank 1 or more, as for `dump_array`.
        as_b64: As for `dump_array`.
    """
    if array.dtype.hasobject:
        return [dump_texts(row) for row in _texts(array, as_b64)]
    if not array.size:
        return [orjson.dumps(row) for row in array.tolist()]
    return _split(_numbers(array), array.ndim)


def dump_texts(value: Any) -> bytes:
    """Returns texts in lists and objects as JSON; what `text_of` escaped is raw bytes again."""
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogateescape")


def text_of(value: bytes) -> str:
    """Returns bytes as text from which `dump_texts` makes the same bytes."""
    return value.decode("utf-8", "surrogateescape")


def _numbers(array: np.ndarray) -> bytes:
    if not array.size:
        return orjson.dumps(array.tolist())
    whole = np.ascontiguousarray(array) if array.ndim else array[()]
    text = orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    return _with_tokens(text, array[~np.isfinite(array)]) if _NULL in text else text


def _with_tokens(text: bytes, values: Iterable[Any]) -> bytes:
    """Puts the tokens of the values that are not finite where orjson wrote null, in order."""
    parts = text.split(_NULL)
    tokens = [json.dumps(float(value)).encode() for value in values]
    return b"".join(piece for pair in zip(parts, [*tokens, b""], strict=True) for piece in pair)


def _split(text: bytes, rank: int) -> list[bytes]:
    """Cuts the JSON of an array without empty dimensions where its rows meet.

    Only there do `rank - 1` brackets close: `[[1,2],[3,4]]` is cut at `],[`.
    """
    opened, closed = b"[" * (rank - 1), b"]" * (rank - 1)
    rows = text[rank:-rank].split(closed + b"," + opened)
    return [opened + row + closed for row in rows] if rank > 1 else rows


def _texts(array: np.ndarray, as_b64: bool) -> Any:
    """Returns texts in lists, as the array has them, ready for `dump_texts`."""
    written = np.empty(array.shape, object)
    flat = written.reshape(-1)  # a view: the array is new, so contiguous
    for i, value in enumerate(array.ravel().tolist()):
        flat[i] = {B64: base64.b64encode(value).decode()} if as_b64 else text_of(value)
    return written.tolist()
