"""Paths of the machine that submits, as the tasks of a cluster find them.

    REPOSITORY/schemas/taxi/schema.pbtxt        IMAGE_FOLDER/schemas/taxi/schema.pbtxt
    …/site-packages/tfx/examples/data           package://tfx/examples/data

What lies in an installed package is named by the package, as the image may keep its packages
elsewhere; `found` looks it up in the container. Any other absolute path has to lie where a task can
read it, under a volume or in the image, or it is refused: nothing is copied to the cluster.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import RingwayError
from pipelines.runners.kubeflow.settings import Settings
from pipelines.runners.local.code_version import strings_in
from pipelines.workspace import REPOSITORY

PACKAGE = "package://"
_LOCAL = re.compile(r"(?:--?[\w-]+=)?(?:file://)?(/[\w.@+-][^\s:]*)")


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """Returns a text with every string in it changed; JSON objects and arrays are opened.

    JSON in which nothing changes stays as it is written, byte for byte.
    """
    if text[:1] in ("{", "["):
        try:
            document = json.loads(text)
        except ValueError:
            return change(text)
        changed = _rewritten_value(document, change)
        return text if changed == document else json.dumps(changed, sort_keys=True)
    return change(text)


def _rewritten_value(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return rewritten(value, change)
    if isinstance(value, dict):
        return {key: _rewritten_value(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_rewritten_value(item, change) for item in value]
    return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathMap:
    """Knows where in a container the submitter's files are.

    Attributes:
        repository: The repository here.
        image_folder: The repository there.
        packages: Folders of installed packages here.
        reachable: Folders that tasks can read or write.
    """

    repository: Path
    image_folder: str
    packages: tuple[Path, ...]
    reachable: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> PathMap:
        """Returns the map of this machine's paths to those of a cluster's tasks."""
        installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
        volumes = [volume.path for volume in settings.volumes]
        places = [settings.image_folder, settings.workspace, *volumes, *settings.image_paths]
        if settings.pipeline_root.startswith("/"):
            places.append(settings.pipeline_root)
        return cls(
            repository=REPOSITORY,
            image_folder=settings.image_folder,
            packages=tuple(sorted(installed)),
            reachable=tuple(place.rstrip("/") for place in places),
        )

    def map(self, text: str) -> str:
        """Returns a text with the paths that it holds as a container has them."""
        return rewritten(text, self._map_one)

    def unreachable(self, texts: Iterable[str]) -> Iterator[str]:
        """Yields the absolute paths, in texts that were mapped, that no task finds."""
        for text in strings_in(texts):
            match = _LOCAL.fullmatch(text)
            if match and not any(_below(match[1], place) for place in self.reachable):
                yield text

    def _map_one(self, text: str) -> str:
        for folder in self.packages:
            text = _replaced(text, str(folder), PACKAGE.removesuffix("/"))
        return _replaced(text, str(self.repository), self.image_folder)


def _replaced(text: str, folder: str, by: str) -> str:
    # As a whole component only: /srv/ringway is no part of /srv/ringway-2, nor of /mnt/srv/ringway.
    return re.sub(rf"(?<![\w./-]){re.escape(folder)}(?=[/\s\"',;:]|$)", lambda _: by, text)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def found(text: str) -> str:
    """Returns a text with each `package://` in it replaced by where the package is installed.

    Raises:
        RingwayError: A package is not installed.
    """
    return rewritten(text, lambda part: re.sub(rf"{PACKAGE}(\w+)", _folder_of, part))


def _folder_of(match: re.Match[str]) -> str:
    spec = importlib.util.find_spec(match[1])
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise RingwayError(
            f"{match[0]}: there is no package {match[1]!r} in this image.",
            remedy="Build the image with the stack's lock, or name a folder on a volume.",
        )
    return places[0]
