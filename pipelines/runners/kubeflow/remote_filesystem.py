"""Lets TFX's own file operations work on object stores that TensorFlow cannot open.

TFX's launcher, drivers and importers look at places through `tfx.dsl.io.fileio`, which takes
filesystems by scheme. This one answers from the mirror of a `RemoteFiles`: what is read is fetched
first; what is written stays in the mirror until `remote_execution` sends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from tfx.dsl.io import filesystem, filesystem_registry
from tfx.dsl.io.plugins.tensorflow_gfile import TensorflowFilesystem as LocalFilesystem

from pipelines.runners.kubeflow.remote_files import RemoteFiles

_WILDCARD = re.compile(r"[*?\[]")
_MOST_PREFERRED = 0


def install(files: RemoteFiles) -> None:
    """Has TFX go through some remote files from now on, in this process."""
    MirroredFilesystem.files = files
    filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(MirroredFilesystem, _MOST_PREFERRED)


class MirroredFilesystem(filesystem.Filesystem):
    """Object stores, seen through a mirror; methods as `tfx.dsl.io.filesystem` tells.

    Attributes:
        files: What mirrors them.
    """

    SUPPORTED_SCHEMES: ClassVar[list[str]] = ["s3://", "minio://"]
    files: ClassVar[RemoteFiles]

    @classmethod
    def _here(cls, path: Any) -> str:
        """Returns the local path of a place, mirrored if something is there."""
        text = _text(path)
        local = cls.files.local_path(text)
        if not Path(local).exists() and cls.files.exists(text):
            cls.files.fetch(text)
        return local

    @classmethod
    def open(cls, name: Any, mode: str = "r") -> Any:
        """Opens a file; one that is read is fetched."""
        path = cls._here(name) if "r" in mode or "a" in mode else cls.files.local_path(_text(name))
        return LocalFilesystem.open(path, mode)

    @classmethod
    def copy(cls, src: Any, dst: Any, overwrite: bool = False) -> None:
        """Copies a file, from or to the mirror."""
        LocalFilesystem.copy(_either(cls, src), _either(cls, dst), overwrite)

    @classmethod
    def exists(cls, path: Any) -> bool:
        """Whether something is at a place or in its mirror."""
        text = _text(path)
        return Path(cls.files.local_path(text)).exists() or cls.files.exists(text)

    @classmethod
    def glob(cls, pattern: Any) -> list[Any]:
        """Returns what fits a pattern; the folder above its first wildcard is fetched."""
        text = _text(pattern)
        match = _WILDCARD.search(text)
        if match is None:
            return [text] if cls.exists(text) else []
        base = text[: match.start()].rpartition("/")[0]
        local = cls._here(base)
        found = LocalFilesystem.glob(local + text[len(base) :])
        return [base + path.removeprefix(local) for path in found]

    @classmethod
    def isdir(cls, path: Any) -> bool:
        """Whether a place is a folder."""
        return Path(cls._here(path)).is_dir()

    @classmethod
    def listdir(cls, path: Any) -> list[Any]:
        """Returns the names in a folder."""
        return list(LocalFilesystem.listdir(cls._here(path)))

    @classmethod
    def makedirs(cls, path: Any) -> None:
        """Makes a folder in the mirror."""
        LocalFilesystem.makedirs(cls.files.local_path(_text(path)))

    @classmethod
    def mkdir(cls, path: Any) -> None:
        """Makes a folder in the mirror."""
        LocalFilesystem.mkdir(cls.files.local_path(_text(path)))

    @classmethod
    def remove(cls, path: Any) -> None:
        """Removes a file, in the mirror and where it was sent."""
        cls.files.remove(_text(path))

    @classmethod
    def rename(cls, src: Any, dst: Any, overwrite: bool = False) -> None:
        """Renames within the mirror."""
        LocalFilesystem.rename(_either(cls, src), _either(cls, dst), overwrite)

    @classmethod
    def rmtree(cls, path: Any) -> None:
        """Removes a folder, in the mirror and where it was sent."""
        if not cls.exists(path):
            raise filesystem.NotFoundError(_text(path))
        cls.files.remove(_text(path))

    @classmethod
    def stat(cls, path: Any) -> Any:
        """Returns size and times of the mirrored file."""
        return LocalFilesystem.stat(cls._here(path))

    @classmethod
    def walk(
        cls, top: Any, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterable[tuple[Any, list[Any], list[Any]]]:
        """Yields folders with what is in them, under their remote names."""
        text = _text(top)
        local = cls._here(text)
        for folder, below, names in LocalFilesystem.walk(local, topdown, onerror):
            yield text + str(folder).removeprefix(local), below, names


def _text(path: Any) -> str:
    return path.decode() if isinstance(path, bytes) else str(path)


def _either(cls: type[MirroredFilesystem], path: Any) -> str:
    text = _text(path)
    return cls._here(text) if cls.files.handles(text) else text
