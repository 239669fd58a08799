"""Finds the versions of a model in its base path, and picks those to serve.

A version is a folder whose name is a 64-bit integer: `7`, `00000123` for 123. Anything else is left
aside, so that a pusher can fill a folder under another name and rename it when complete. What is in
the folder is for the loader: half a model fails to load, and is tried again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from serving.server.models.config import AllVersions, Latest, Specific, VersionPolicy
from serving.wire import errors

_NUMBER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_INT64 = range(-(2**63), 2**63)


def version_number(name: str) -> int | None:
    """Returns the version that a folder's name means, or None."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if number in _INT64 else None


def numbered(names: Iterable[str]) -> dict[int, str]:
    """Returns names by version; of `007` and `7` that which sorts last counts."""
    found = {}
    for name in sorted(names):
        version = version_number(name)
        if version is not None:
            found[version] = name
    return found


def aspired(versions: Iterable[int], policy: VersionPolicy) -> frozenset[int]:
    """Returns which of the versions there are should be served."""
    match policy:
        case Latest(count):
            return frozenset(sorted(versions)[-count:])
        case Specific(wanted):
            return wanted.intersection(versions)
        case AllVersions():
            return frozenset(versions)


def find(model: str, base_path: str) -> Mapping[int, Path]:
    """Lists the versions in a base path; reads the file system.

    Args:
        model: Its name, for messages.
        base_path: An absolute folder, or one as `file://` URI.

    Returns:
        Folders by version.

    Raises:
        ServingError: INVALID_ARGUMENT, the base path is not there or cannot be listed. That is no
            empty folder: what serves keeps serving.
    """
    try:
        folder = _local(base_path)
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except (OSError, ValueError) as error:
        raise errors.invalid(
            f"Could not find base path {base_path} for servable {model} with error {error}"
        ) from error
    return {version: folder / name for version, name in numbered(names).items()}


def _local(base_path: str) -> Path:
    uri = urlsplit(base_path)
    if not uri.scheme:
        return Path(base_path)
    if uri.scheme == "file" and not uri.netloc:
        return Path(unquote(uri.path))
    raise ValueError("only folders of this machine can be served; mount the storage")
