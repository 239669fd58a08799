"""The kinds of calls that a rollout deals, and how one is sent to a version."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from serving.server.rollouts import predictions
from serving.wire.messages import ModelSpec


def _own_spec(message: Any) -> Any:
    return message.model_spec


def _first_task(message: Any) -> Any:
    """Returns the ModelSpec that decides about a MultiInference, in a request or a response."""
    entries = message.tasks if hasattr(message, "tasks") else message.results
    return entries[0].model_spec if entries else ModelSpec()


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call.

    Attributes:
        method: Its name, here and in the request log.
        spec: Finds the ModelSpec, in a request as in a response.
        predictions: Reads a response.
    """

    method: str
    spec: Callable[[Any], Any]
    predictions: Callable[[Any, str], list[float]]


PREDICT = Kind("predict", _own_spec, predictions.of_predict)
CLASSIFY = Kind("classify", _own_spec, predictions.of_classify)
REGRESS = Kind("regress", _own_spec, predictions.of_regress)
MULTI = Kind("multi_inference", _first_task, predictions.of_multi_inference)


class Named:
    """Has a ModelSpec name a version for as long as a call takes.

    Requests are not copied, as they may be large, and the caller did not name a version, which is
    what the request log shall show.
    """

    __slots__ = ("_spec", "_version")

    def __init__(self, spec: Any, version: int | None) -> None:
        self._spec = spec
        self._version = version

    def __enter__(self) -> None:
        if self._version is not None:
            self._spec.version.value = self._version

    def __exit__(self, *_: object) -> None:
        self._spec.ClearField("version")
