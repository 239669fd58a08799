"""What became of every version: START, LOADING, AVAILABLE, UNLOADING, END, and why.

This is what GetModelStatus answers. Versions that ended stay, with their error, as in TensorFlow
Serving; only the newest of them, so that years of versions do not fill the memory.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from serving.wire import errors
from serving.wire.errors import ServingError
from serving.wire.messages import GetModelStatusResponse

MAX_ENDED = 1000


class State(enum.IntEnum):
    """The states of ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """How a version is.

    Attributes:
        state: How far it came.
        error: Why it ended without serving, or None.
    """

    state: State
    error: ServingError | None = None


class States:
    """The statuses of all versions of all models, those of the past included."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, Status]] = {}

    def set(self, model: str, version: int, status: Status) -> None:
        """Notes a version's status; forgets the lowest ended version beyond `MAX_ENDED`."""
        versions = self._models.setdefault(model, {})
        versions[version] = status
        if status.state is State.END:
            _forget(versions, keep=version)

    def of(self, model: str) -> Mapping[int, Status]:
        """Returns the statuses of a model's versions, the highest version first."""
        return dict(sorted(self._models.get(model, {}).items(), reverse=True))

    def available(self, model: str) -> frozenset[int]:
        """Returns the versions of a model that serve."""
        statuses = self._models.get(model, {})
        return frozenset(v for v, status in statuses.items() if status.state is State.AVAILABLE)

    def response(self, request: Any) -> Any:
        """Answers a GetModelStatusRequest; its label is ignored.

        Raises:
            ServingError: INVALID_ARGUMENT without a ModelSpec, NOT_FOUND for a model or version
                that never was.
        """
        if not request.HasField("model_spec"):
            raise errors.invalid("Missing ModelSpec")
        spec = request.model_spec
        wanted = spec.version.value if spec.HasField("version") else None
        response = GetModelStatusResponse()
        for version, status in self._select(spec.name, wanted).items():
            _add(response, version, status)
        return response

    def _select(self, model: str, wanted: int | None) -> Mapping[int, Status]:
        statuses = self.of(model)
        if wanted is None:
            if not statuses:
                raise errors.not_found(f"Could not find any versions of model {model}")
            return statuses
        if wanted not in statuses:
            raise errors.not_found(f"Could not find version {wanted} of model {model}")
        return {wanted: statuses[wanted]}


def _forget(versions: dict[int, Status], *, keep: int) -> None:
    ended = [v for v, status in versions.items() if status.state is State.END and v != keep]
    if len(ended) >= MAX_ENDED:
        del versions[min(ended)]


def _add(response: Any, version: int, status: Status) -> None:
    message = response.model_version_status.add(version=version, state=int(status.state))
    message.status.error_code = int(status.error.code) if status.error else 0
    message.status.error_message = status.error.message if status.error else ""
