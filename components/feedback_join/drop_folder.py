"""Which files of a drop folder are there to be read, and when each was delivered.

    labels-20130105T120000Z-4f1c.csv     finished; delivered at the time in its name
    delays.parquet                       finished; delivered when it was last written
    .labels-….csv.4711.tmp, x.csv.part   being written; left for the next time
    notes.txt                            no labels; left alone

Whoever drops files writes them under another name first and renames them, as `write` does; a file
that is not whole under a finished name is found out when it is read, by `label_rows`.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
import os
import re
from pathlib import Path
from typing import Final

from serving.request_log.durable import publish

CSV: Final = ".csv"
PARQUET: Final = ".parquet"
SUFFIXES: Final = (CSV, PARQUET)

NAME: Final = "name"  # what told when a file was delivered
WRITTEN: Final = "last write"

_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_TIME = re.compile(r"(?<![0-9])[0-9]{8}T[0-9]{6}Z")
_UNFINISHED = (".tmp", ".part")
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,80}")


@dataclasses.dataclass(frozen=True, slots=True)
class DropFile:
    """A finished file.

    Attributes:
        path: Where it lies.
        delivered_sec: When it came, in seconds since 1970.
        dated_by: What says so: `NAME` or `WRITTEN`.
    """

    path: str
    delivered_sec: float
    dated_by: str

    @property
    def name(self) -> str:
        """Its name without the folder's."""
        return Path(self.path).name


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a drop folder.

    Attributes:
        files: Those that are to be read, by name.
        unfinished: Names of those that are being written.
        foreign: Names of those that are neither CSV nor Parquet.
        later: Names of those that were delivered after the time that was asked for.
        earlier: How many were delivered before.
    """

    files: tuple[DropFile, ...] = ()
    unfinished: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    earlier: int = 0


def listed(folder: Path, *, since_sec: float = -math.inf, until_sec: float = math.inf) -> Listing:
    """Lists a drop folder; what lies in folders below it is not looked at.

    Args:
        folder: May be missing, as before the first delivery.
        since_sec: Files whose names say that they were delivered before are left out.
        until_sec: Files that were delivered after this are left out.

    Raises:
        OSError: The folder cannot be listed.
    """
    groups: dict[str, list[str]] = {"unfinished": [], "foreign": [], "later": []}
    files: list[DropFile] = []
    earlier = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_file():
            continue
        group = _group(path.name)
        if group:
            groups[group].append(path.name)
            continue
        found = _dated(path)
        if found is None:  # gone just now
            continue
        if found.delivered_sec > until_sec:
            groups["later"].append(path.name)
        elif found.dated_by == NAME and found.delivered_sec < since_sec:
            earlier += 1
        else:
            files.append(found)
    return Listing(tuple(files), **{k: tuple(v) for k, v in groups.items()}, earlier=earlier)


def fingerprint(folder: Path, *, since_sec: float = -math.inf, until_sec: float = math.inf) -> str:
    """Returns what identifies the labels of a folder: it changes when a file comes, goes or grows.

    Args:
        folder: May be missing.
        since_sec: As of `listed`.
        until_sec: As of `listed`.

    Raises:
        OSError: The folder cannot be listed.
    """
    parts = []
    for file in listed(folder, since_sec=since_sec, until_sec=until_sec).files:
        try:
            found = Path(file.path).stat()
        except FileNotFoundError:
            continue
        parts.append(f"{file.name}\0{found.st_size}\0{found.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]


def write(folder: Path, content: bytes, *, now_sec: float, token: str, suffix: str) -> Path:
    """Writes a file into a drop folder, where it appears when it is complete.

    Args:
        folder: Is made if missing.
        content: Of the file.
        now_sec: When it is delivered, in seconds since 1970; becomes a part of its name.
        token: Tells files of one second apart: letters, digits and `_`. A file of the same second
            and token is replaced, so that a delivery that is tried again is there once.
        suffix: One of `SUFFIXES`.

    Raises:
        ValueError: Token or suffix are no such.
        OSError: The folder takes no file; nothing is left behind.
    """
    if not _TOKEN.fullmatch(token) or suffix not in SUFFIXES:
        raise ValueError(
            f"expected a token of letters, digits and '_' and a suffix of {SUFFIXES}, received "
            f"{token!r} and {suffix!r}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.datetime.fromtimestamp(math.floor(now_sec), datetime.UTC)
    final = folder / f"labels-{moment.strftime(_TIME_FORMAT)}-{token}{suffix}"
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            publish(file.fileno(), temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return final


def _group(name: str) -> str:
    """Returns why a file is not to be read, or ""."""
    if name.startswith(".") or name.endswith(_UNFINISHED):
        return "unfinished"
    return "" if name.endswith(SUFFIXES) else "foreign"


def _dated(path: Path) -> DropFile | None:
    for found in _TIME.findall(path.name):
        try:
            moment = datetime.datetime.strptime(found + "+0000", "%Y%m%dT%H%M%SZ%z")
        except ValueError:  # digits, but no date
            continue
        return DropFile(str(path), moment.timestamp(), NAME)
    try:
        return DropFile(str(path), path.stat().st_mtime, WRITTEN)
    except FileNotFoundError:
        return None
