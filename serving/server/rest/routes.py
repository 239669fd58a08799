"""Which call a path means: a model, perhaps a version or a label of it, and what is asked of it.

    POST /v1/models/M[/versions/N|/labels/L]:(classify|regress|predict)
    GET  /v1/models/M[/versions/N|/labels/L][/metadata]

Names come from outside and go into messages only; whether there is such a model is for the data
plane. A name may hold any character but "/" and ":", or any at all where it is percent-encoded.

Source: tensorflow_serving/model_servers/http_rest_api_util.cc.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from serving.wire.errors import ServingError, invalid
from serving.wire.messages import ModelSpec

STATUS = "status"
METADATA = "metadata"

_PREFIX = "/v1/"
_MAX_VERSION = 2**63 - 1

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_FLAGS = re.IGNORECASE | re.ASCII | re.DOTALL
_POST = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_WHICH}:(?P<action>classify|regress|predict)", _FLAGS
)
_GET = re.compile(rf"/v1/models(?:/(?P<model>[^/:]+))?{_WHICH}(?:/(?P<action>metadata))?", _FLAGS)
_PATHS = {"POST": _POST, "GET": _GET}


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for.

    Attributes:
        action: "predict", "classify", "regress", `METADATA` or `STATUS`.
        model: Its name, decoded.
        version: Its version, or None.
        label: The label of a version, or None.
    """

    action: str
    model: str
    version: int | None = None
    label: str | None = None

    def model_spec(self) -> Any:
        """Returns a new ModelSpec of the model, and its version or label."""
        spec = ModelSpec(name=self.model)
        if self.version is not None:
            spec.version.value = self.version
        if self.label is not None:
            spec.version_label = self.label
        return spec


def is_api(path: str) -> bool:
    """Returns whether a path belongs to the interface, and so errors are JSON."""
    return path[: len(_PREFIX)].lower() == _PREFIX


def find(method: str, path: str) -> Route:
    """Returns what a request asks for.

    Args:
        method: In capitals.
        path: As sent, percent-encoded, without the query.

    Raises:
        ServingError: Nothing there has that path and method, or it names no model;
            INVALID_ARGUMENT.
    """
    # Callers repeat themselves; a path that is not short is not worth the memory.
    return _known(method, path) if len(path) <= _SHORT else _parsed(method, path)


_SHORT = 256


def _parsed(method: str, path: str) -> Route:
    pattern = _PATHS.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise malformed(method, path)
    if match["model"] is None:
        raise invalid("Missing model name in request.")
    return Route(
        action=(match["action"] or STATUS).lower(),
        model=_decoded(match["model"], "model name"),
        version=None if match["version"] is None else _version(match["version"]),
        label=None if match["label"] is None else _decoded(match["label"], "model version label"),
    )


_known = functools.lru_cache(maxsize=1024)(_parsed)


def malformed(method: str, path: str) -> ServingError:
    """Returns the error for a request that means nothing here."""
    return invalid(f"Malformed request: {method} {path}")


def _version(digits: str) -> int:
    # A number of thousands of digits is not for int().
    if len(digits.lstrip("0")) > len(str(_MAX_VERSION)) or int(digits) > _MAX_VERSION:
        raise invalid(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _decoded(text: str, what: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise invalid(f"Failed to decode {what}:{text}") from None
