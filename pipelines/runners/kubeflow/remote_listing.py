"""What lies at a place of an object store, and the record of a folder that was sent there.

Pure values; reading and writing them is left to `remote_files`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of a folder that was sent.

    Attributes:
        state: `sending` or `complete`.
        sender: Which sending it was.
        files: Name to size and SHA-256; of those that were to be sent while `sending`.
        folders: Names of all folders, as empty ones are nowhere else.
    """

    state: str
    sender: str
    files: Mapping[str, tuple[int, str]]
    folders: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Listing:
    """What lies at a place: `files` is name to size and time, `""` for a file that is the place."""

    files: Mapping[str, tuple[int, int]]
    folders: tuple[str, ...]
    record: Record | None

    def fingerprint(self) -> str:
        """Returns a text that changes with what lies there."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @property
    def is_half(self) -> bool:
        """Whether it was sent in part only, or has lost something since."""
        record = self.record
        if record is None:
            return False
        absent = [n for n, (size, _) in record.files.items() if self.files.get(n, (-1,))[0] != size]
        return record.state != "complete" or bool(absent)

    @property
    def wanted(self) -> dict[str, tuple[int, str]]:
        """What to fetch: size and SHA-256 by name, the latter empty where it is not known."""
        if self.record:
            return dict(self.record.files)
        return {name: (size, "") for name, (size, _) in self.files.items()}

    @property
    def all_folders(self) -> tuple[str, ...]:
        """The folders, empty ones included where they are known."""
        return self.record.folders if self.record else self.folders
