"""The labels in a drop folder by what they are about; each file is read once.

Which label of a row counts is for `components.feedback_join.matching`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from components.feedback_join import drop_folder, label_rows
from components.feedback_join.drop_folder import DropFile
from components.feedback_join.label_files import LabelFileError
from components.feedback_join.label_rows import Label, Wanted
from components.feedback_join.matching import Known

Identity = tuple[int, int]  # size, and time of the last write in nanoseconds


class ArrivedLabels:
    """What was delivered, by key as of `components.feedback_join.join_keys`.

    Args:
        folder: Of labels; may be missing.
        wanted: What is looked for.
        since_sec: Files that were delivered before are passed over.
    """

    def __init__(self, folder: Path, wanted: Wanted, since_sec: float) -> None:
        self._folder = folder
        self._wanted = wanted
        self._since_sec = since_sec
        self._files: dict[str, tuple[Identity, list[Label]]] = {}
        self._by_key: dict[bytes, list[Known]] = {}

    def __getitem__(self, key: bytes) -> list[Known]:
        """Returns the labels of a key, known whenever."""
        return self._by_key.get(key, [])

    def update(self, now_sec: float) -> set[bytes]:
        """Reads what is new; returns the keys about which anything has changed.

        Args:
            now_sec: The time, in seconds since 1970; files that come later are not read.
        """
        listing = drop_folder.listed(self._folder, since_sec=self._since_sec, until_sec=now_sec)
        present = {file.path: file for file in listing.files}
        changed: set[bytes] = set()
        for path in [path for path in self._files if path not in present]:
            changed |= self._forget(path)
        for file in listing.files:
            changed |= self._take_in(file)
        if changed:
            self._index()
        return changed

    def _take_in(self, file: DropFile) -> set[bytes]:
        try:
            found = Path(file.path).stat()
            identity = found.st_size, found.st_mtime_ns
            before = self._files.get(file.path)
            if before is not None and before[0] == identity:
                return set()
            read = label_rows.read(file, self._wanted)
        except FileNotFoundError:
            return self._forget(file.path)
        except (LabelFileError, OSError):
            # Not whole yet, or no labels: `FeedbackJoin` tells which. It may change.
            read = []
        changed = self._forget(file.path)
        labels = [label for label in read if isinstance(label, Label)]
        self._files[file.path] = identity, labels
        return changed | {label.key for label in labels}

    def _forget(self, path: str) -> set[bytes]:
        _, labels = self._files.pop(path, ((0, 0), []))
        return {label.key for label in labels}

    def _index(self) -> None:
        by_key = defaultdict(list)
        for _, labels in self._files.values():
            for label in labels:
                by_key[label.key].append(label.known)
        self._by_key = dict(by_key)
