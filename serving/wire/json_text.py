"""JSON text to plain Python values, and values to the short texts that errors quote.

orjson reads what is JSON. What it refuses is read again by Python's own parser, which is slower but
knows what TensorFlow Serving takes beyond JSON: the tokens NaN, Infinity and -Infinity, a byte
order mark, and anything at all after the document. Of equal keys in one object the last one counts.

What the values mean is for `serving.wire.json_tensors` and `serving.wire.examples`.

Source of the rules: `ParseJson` in tensorflow_serving/util/json_tensor.cc; of the texts: RapidJSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

from serving.wire.errors import ServingError, invalid

MAX_DEPTH = 1024  # orjson's own
MAX_QUOTED = 256  # characters of a value that an error quotes

_SPACE = " \t\n\r"
_NOT_FINITE = re.compile(rb"[eE]\+?0*[1-9][0-9]{2}|[0-9]{300}")
_EMPTY = "The document is empty."
_TOO_DEEP = "The document is nested too deeply."
_TOO_BIG = "Number too big to be stored in double."

# What Python's parser says, and what RapidJSON says of the same.
_TEXTS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or a closing bracket after an element.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}


def parse_object(body: bytes) -> dict[str, Any]:
    """Returns the JSON object that a request holds.

    Args:
        body: UTF-8. An integer beyond 64 bits becomes a float, or an int of up to 308 digits.

    Raises:
        ServingError: It is no JSON, too deep, or no object; INVALID_ARGUMENT.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _parse_beyond_json(body)
    if not isinstance(value, dict):
        raise invalid(f"JSON Value: {quoted(value)} Is not object")
    return value


def type_name(value: Any) -> str:
    """Returns the name of a JSON value's type as errors write it: "Null", "True", "Number"."""
    if value is None or isinstance(value, bool):
        return "Null" if value is None else str(value)
    names: dict[type, str] = {dict: "Object", list: "Array", str: "String"}
    return names.get(type(value), "Number")


def quoted(value: Any) -> str:
    """Returns a value as JSON for an error, cut after about `MAX_QUOTED` characters."""
    pieces, size = [], 0
    for piece in _pieces(value, "\n"):
        pieces.append(piece)
        size += len(piece)
        if size >= MAX_QUOTED:
            break
    return "".join(pieces)


def _parse_beyond_json(body: bytes) -> Any:
    text = _decoded(body).lstrip(_SPACE)
    if not text:
        raise _parse_error(_EMPTY, 0)
    try:
        value, _ = _decoder(body).raw_decode(text)
        _check_depth(value, body)
        if "\\u" in text:
            _check_surrogates(value)
    except json.JSONDecodeError as error:
        offset = len(body) - len(text[error.pos :].encode("utf-8", "surrogatepass"))
        raise _parse_error(_TEXTS.get(error.msg, error.msg), offset) from None
    except RecursionError:
        raise _parse_error(_TOO_DEEP, 0) from None
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _parse_error("Invalid encoding in string.", error.start) from None


def _decoder(body: bytes) -> json.JSONDecoder:
    """Returns a parser that checks numbers only where one may be out of range: that takes time."""
    if _NOT_FINITE.search(body):
        return json.JSONDecoder(parse_float=_finite, parse_int=_integer)
    return json.JSONDecoder()


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _parse_error(_TOO_BIG, 0)
    return number


def _integer(text: str) -> int:
    _finite(text)
    return int(text)


def _check_depth(value: Any, body: bytes) -> None:
    """Refuses what orjson would: how deep Python's parser goes is another with each release."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, list | dict)
        ]
        if not level:
            return
    raise _parse_error(_TOO_DEEP, 0)


def _check_surrogates(value: Any) -> None:
    """Refuses half of a surrogate pair, which Python's parser lets pass and UTF-8 cannot hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _parse_error("The surrogate pair in string is invalid.", 0) from None


def _parse_error(text: str, offset: int) -> ServingError:
    return invalid(f"JSON Parse error: {text} at offset: {offset}")


def _pieces(value: Any, newline: str) -> Iterator[str]:
    """Yields JSON piece by piece: objects over several lines, arrays on one."""
    if isinstance(value, dict):
        yield from _object_pieces(value, newline)
    elif isinstance(value, list):
        yield "["
        for i, item in enumerate(value):
            if i:
                yield ", "
            yield from _pieces(item, newline)
        yield "]"
    elif isinstance(value, str):
        yield json.dumps(value[:MAX_QUOTED], ensure_ascii=False)
    else:
        yield json.dumps(value)[:MAX_QUOTED]


def _object_pieces(value: dict[str, Any], newline: str) -> Iterator[str]:
    inner = newline + "    "
    yield "{"
    for i, (name, item) in enumerate(value.items()):
        yield ("," if i else "") + inner + json.dumps(name[:MAX_QUOTED], ensure_ascii=False) + ": "
        yield from _pieces(item, inner)
    yield newline + "}" if value else "}"
