"""Whom a request is for, and on what terms: what all methods of a client have in common."""

from __future__ import annotations

import dataclasses
from typing import Any, TypedDict

from serving.client import requests
from serving.client.errors import refused
from serving.wire.request_id import new_request_id, request_id_from


class Terms(TypedDict, total=False):
    """What callers may say with any request.

    Attributes:
        signature: Name of the signature; "" for `serving_default`.
        version: A version's number; None for the newest that is available.
        label: In place of `version`, a label such as "stable" or "canary".
        timeout_sec: Seconds to answer in; None for the client's, `math.inf` for no limit.
        request_id: 1 to 128 letters, digits and `._:/+=@-`, to find the call in the server's log
            and to join a label that comes later; None for a new one.
    """

    signature: str
    version: int | None
    label: str | None
    timeout_sec: float | None
    request_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whom a request is for, and its terms; all that the methods have in common.

    Attributes:
        model: Name of the model.
        signature: As in `Terms`, and so are all others.
        version: As in `Terms`.
        label: As in `Terms`.
        timeout_sec: As in `Terms`.
        request_id: As in `Terms`.
    """

    model: str
    signature: str = ""
    version: int | None = None
    label: str | None = None
    timeout_sec: float | None = None
    request_id: str | None = None

    def spec(self, *, signature: bool = True) -> Any:
        """Returns the ModelSpec message, with or without the signature's name."""
        name = self.signature if signature else ""
        return requests.model_spec(self.model, name, version=self.version, label=self.label)


def request_id(given: str | None) -> str:
    """Returns the caller's request id, or a new one.

    Raises:
        InvalidRequest: It is none that a server would take.
    """
    if given is None:
        return new_request_id()
    if request_id_from(given, make=str) != given or not given:
        raise refused(
            f"Expected a request id of 1 to 128 letters, digits and ._:/+=@- received {given!r}."
        )
    return given


def seconds_of(timeout_sec: float) -> float:
    """Returns a timeout that can be waited for.

    Raises:
        InvalidRequest: It is not above 0.
    """
    if not timeout_sec > 0:
        raise refused(f"Expected timeout_sec above 0, received {timeout_sec!r}.")
    return float(timeout_sec)
