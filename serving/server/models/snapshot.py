"""What requests see: the versions that serve at this moment, in one object that is never changed.

A swap replaces the whole object, so a request finds either the old set or the new one, never
neither. A request holds a `Lease` while it computes; a version is freed when its last lease ends.
Neither takes a lock. That is safe because both sides write first and look after:

    acquire   note the lease, then look whether the door was shut
    unload    shut the door, then look whether there are leases

so at least one of them sees the other. A request that finds the door shut looks into the new
snapshot. Which versions serve, and when, is for `serving.server.models.lifecycle`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from serving.backends.servable import Servable
from serving.wire import errors


class Lease:
    """The right to use a version; release it, or use it in a `with` statement.

    Attributes:
        name: The model's.
        version: The version's number, also where the request named a label or none.
        servable: The loaded version; not to be used after `release`.
    """

    __slots__ = ("_serving", "name", "servable", "version")

    def __init__(self, serving: ServingVersion) -> None:
        self._serving = serving
        self.name = serving.name
        self.version = serving.version
        self.servable = serving.servable

    def release(self) -> None:
        """Ends the use; may be called again, and from any thread."""
        self._serving.give_back(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class ServingVersion:
    """A version that serves, and the leases on it.

    Args:
        name: The model's.
        version: Its number.
        servable: What computes.
        on_idle: Called once the door is shut and the last lease has ended, from the thread that
            ended it; perhaps more than once.
    """

    __slots__ = ("_leases", "_on_idle", "_shut", "name", "servable", "version")

    def __init__(
        self, name: str, version: int, servable: Servable, on_idle: Callable[[], None]
    ) -> None:
        self.name = name
        self.version = version
        self.servable = servable
        self._on_idle = on_idle
        self._shut = False
        self._leases: set[Lease] = set()

    def lease(self) -> Lease | None:
        """Returns a lease, or None when the version is about to be freed."""
        lease = Lease(self)
        self._leases.add(lease)
        if self._shut:
            self.give_back(lease)
            return None
        return lease

    def give_back(self, lease: Lease) -> None:
        """Ends a lease."""
        self._leases.discard(lease)
        if self._shut and not self._leases:
            self._on_idle()

    def shut(self) -> None:
        """Gives no more leases. Call it after the snapshot without this version is in place."""
        self._shut = True
        if not self._leases:
            self._on_idle()


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """The versions that serve.

    Attributes:
        versions: By model and number.
        latest: That with the highest number, by model.
        labels: Numbers by model and label; those need not serve.
    """

    versions: Mapping[tuple[str, int], ServingVersion]
    latest: Mapping[str, ServingVersion]
    labels: Mapping[str, Mapping[str, int]]

    def find(self, spec: Any) -> ServingVersion:
        """Finds the version that a ModelSpec means.

        Raises:
            ServingError: INVALID_ARGUMENT for no ModelSpec, no name or an unknown label; NOT_FOUND
                for what does not serve.
        """
        if spec is None:
            raise errors.invalid("Missing ModelSpec")
        name = spec.name
        if not name:
            raise errors.invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            return self._latest(name)
        if choice == "version":
            return self._specific(name, spec.version.value)
        return self._specific(name, self._labelled(name, spec.version_label))

    def _latest(self, name: str) -> ServingVersion:
        found = self.latest.get(name)
        if found is None:
            raise errors.not_found(f"Servable not found for request: Latest({name})")
        return found

    def _specific(self, name: str, version: int) -> ServingVersion:
        found = self.versions.get((name, version))
        if found is None:
            raise errors.not_found(f"Servable not found for request: Specific({name}, {version})")
        return found

    def _labelled(self, name: str, label: str) -> int:
        version = self.labels.get(name, {}).get(label)
        if version is None:
            raise errors.invalid(f"Unrecognized servable version label: {label}")
        return version


def snapshot(
    versions: Iterable[ServingVersion], labels: Mapping[str, Mapping[str, int]]
) -> Snapshot:
    """Returns the snapshot of these versions."""
    by_number = sorted(versions, key=lambda serving: serving.version)
    return Snapshot(
        versions={(serving.name, serving.version): serving for serving in by_number},
        latest={serving.name: serving for serving in by_number},  # the last of a name stays
        labels=labels,
    )
