"""Metadata of models that a client has seen, so that it asks for it once per version."""

from __future__ import annotations

import threading
from typing import Any

from serving.client import answers
from serving.client.questions import Question

_MAX_KEPT = 256  # versions


class KnownMetadata:
    """Metadata by model and version, and which version answered last.

    While replicas of different versions answer in turn, the metadata of each is asked for once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_version: dict[tuple[str, int | None], answers.Metadata] = {}
        self._last: dict[tuple[str, int | None, str | None], int | None] = {}

    def find(self, question: Question) -> answers.Metadata | None:
        """Returns the metadata that counts for a question, if it is known."""
        with self._lock:
            key = _choice(question)
            if key not in self._last:
                return None
            return self._by_version.get((question.model, self._last[key]))

    def keep(self, question: Question, metadata: answers.Metadata) -> None:
        """Keeps what the server told about the version that a question is for."""
        with self._lock:
            self._by_version[question.model, metadata.version] = metadata
            self._last[_choice(question)] = metadata.version
            _drop_oldest(self._by_version)
            _drop_oldest(self._last)

    def answered(self, question: Question, version: int | None) -> None:
        """Notes which version has answered a question."""
        with self._lock:
            if _choice(question) in self._last:
                self._last[_choice(question)] = version

    def forget(self, question: Question) -> None:
        """Has the server asked anew before the next question of that kind."""
        with self._lock:
            self._last.pop(_choice(question), None)


def _drop_oldest(kept: dict[Any, Any]) -> None:
    if len(kept) > _MAX_KEPT:
        del kept[next(iter(kept))]


def _choice(question: Question) -> tuple[str, int | None, str | None]:
    return question.model, question.version, question.label
