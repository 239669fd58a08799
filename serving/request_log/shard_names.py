"""What the files of a log are called, and finding them.

     requests-20261121T163000Z-host-4711-000000.tfrecord       complete; never touched again
    .requests-20261121T163000Z-host-4711-000000.tfrecord.tmp   being written, or left by the dead

The prefix, the time of the first record, the machine, the process, and a number. Names are made of
these alone: nothing that a caller sends gets into one. What is in the files is for others.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
from pathlib import Path
from typing import Self

from serving.wire.errors import invalid

SUFFIX = ".tfrecord"
UNFINISHED_SUFFIX = ".tmp"
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?P<prefix>.+?)-(?P<started>[0-9]{8}T[0-9]{6}Z)-(?P<host>.+)-(?P<pid>[0-9]+)"
    r"-(?P<sequence>[0-9]+)" + re.escape(SUFFIX),
    re.DOTALL,
)
# File systems allow 255 bytes; the rest is for time, host, process, sequence and endings.
MAX_PREFIX_BYTES = 100
_MAX_HOST_CHARACTERS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class LogPrefix:
    """Where the shards of a log lie, and how their names begin."""

    folder: Path
    name: str

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> Self:
        """Reads a `filename_prefix`.

        Raises:
            ServingError: INVALID_ARGUMENT, no file could begin so.
        """
        folder, name = os.path.split(os.fspath(text))
        if name in {"", ".", ".."} or "\0" in folder + name:
            raise invalid(_bad_prefix(f"Received: {os.fspath(text)!r}"))
        if len(os.fsencode(name)) > MAX_PREFIX_BYTES:
            raise invalid(
                _bad_prefix(f"At most {MAX_PREFIX_BYTES} bytes of name. Received: {name}")
            )
        read_back = ShardName.parse(ShardName(name, 0, "host", 1, 0).final)
        if read_back is None or read_back.prefix != name:
            raise invalid(
                _bad_prefix(f"It cannot begin with a dot or hold a time. Received: {name}")
            )
        return cls(Path(folder), name)


def _bad_prefix(received: str) -> str:
    return (
        "log_collector_config.filename_prefix must be a folder and how the log's files in it begin,"
        f" such as /var/log/ringway/requests. {received}"
    )


@dataclasses.dataclass(frozen=True, slots=True)
class ShardName:
    """What a shard's name says; names of one prefix sort by time.

    Attributes:
        prefix: How the name begins.
        started: When its first record came, in whole seconds since 1970.
        host: The machine, in characters that every file system takes.
        pid: The process.
        sequence: Tells shards of one second apart.
    """

    prefix: str
    started: int
    host: str
    pid: int
    sequence: int

    @classmethod
    def parse(cls, file_name: str) -> Self | None:
        """Returns what the name of a finished shard says, or None for any other file."""
        found = _NAME.fullmatch(file_name)
        if found is None or file_name.startswith("."):
            return None
        try:
            started = datetime.datetime.strptime(found["started"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        except ValueError:  # digits, but no date
            return None
        numbers = int(started.timestamp()), int(found["pid"]), int(found["sequence"])
        return cls(found["prefix"], numbers[0], found["host"], numbers[1], numbers[2])

    @classmethod
    def parse_unfinished(cls, file_name: str) -> Self | None:
        """Returns what the name of an unfinished shard says, or None for any other file."""
        if not (file_name.startswith(".") and file_name.endswith(UNFINISHED_SUFFIX)):
            return None
        return cls.parse(file_name[1 : -len(UNFINISHED_SUFFIX)])

    @property
    def final(self) -> str:
        """The file's name once it is complete."""
        time = datetime.datetime.fromtimestamp(self.started, datetime.UTC).strftime(_TIME_FORMAT)
        parts = self.prefix, time, self.host, str(self.pid), f"{self.sequence:06d}"
        return "-".join(parts) + SUFFIX

    @property
    def unfinished(self) -> str:
        """The file's name until then."""
        return f".{self.final}{UNFINISHED_SUFFIX}"

    def following(self) -> Self:
        """Returns the next name of the same second."""
        return dataclasses.replace(self, sequence=self.sequence + 1)


def plain_host(host: str) -> str:
    """Returns a machine's name in letters, digits, dots and hyphens, cut where it is long."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", host)[:_MAX_HOST_CHARACTERS] or "_"


def finished_shards(folder: Path, prefix: str | None = None) -> list[tuple[ShardName, Path]]:
    """Lists the complete shards of a folder, oldest first.

    Args:
        folder: May be missing.
        prefix: Only those whose names begin so.
    """
    if not folder.is_dir():
        return []
    named = ((ShardName.parse(path.name), path) for path in folder.iterdir())
    found = [(name, path) for name, path in named if name and prefix in {None, name.prefix}]
    return sorted(found, key=lambda shard: (shard[0].started, shard[1].name))
