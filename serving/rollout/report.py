"""What a server has put in force and seen, for whoever decides: one file for each server.

A server writes its report when something has changed, and now and then as a sign of life; when the
file was last written is part of what `read_all` returns. A server that is started anew reads its
own report and goes on counting from there, and a guard that was broken stays broken.

What a server is to do stands in `order`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path

from serving.rollout import json_fields, whole_file
from serving.rollout.errors import RolloutError
from serving.rollout.json_fields import Fields
from serving.rollout.snapshot import Snapshot

FORMAT = 1
_PREFIX, _SUFFIX = "report-", ".json"
_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """How a rollout looks from one server.

    Attributes:
        server: Which; the same after it was started anew. Letters, digits and `._-`.
        model: The model's name.
        rollout_id: Of the order that is in force; empty where it names no rollout.
        done: How many actions the state of that order had taken in.
        available: Versions of the model that answer.
        snapshot: What was seen in the present step.
        broken: Which guard broke and why; the stable version then answers everything. Else empty.
        first_candidate_sec: When the candidate first answered a caller or failed one, in a shadow a
            copy, on the clock that all agree on; None before.
        broken_sec: When the guard broke, on the same clock.
        wall_sec_to_rollback: From that first answer, or the first after a restart, until the stable
            version answered everything, in seconds of the machine's clock.

    Raises:
        RolloutError: The server's name cannot be one of a file.
    """

    server: str
    model: str
    rollout_id: str = ""
    done: int = 0
    available: tuple[int, ...] = ()
    snapshot: Snapshot = dataclasses.field(default_factory=Snapshot)
    broken: str = ""
    first_candidate_sec: float | None = None
    broken_sec: float | None = None
    wall_sec_to_rollback: float | None = None

    def __post_init__(self) -> None:
        if not self.server or "/" in self.server or "\0" in self.server:
            raise RolloutError(f"report: expected a server's name, received {self.server!r}.")

    def to_json(self) -> str:
        """Returns it as a JSON document."""
        document = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        document["available"] = list(self.available)
        document["snapshot"] = json.loads(self.snapshot.to_json())
        return json.dumps({"format": FORMAT} | document)

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Reads what `to_json` wrote.

        Raises:
            RolloutError: It is not JSON, or a field is missing, unknown or not valid.
        """
        fields = Fields(json_fields.parse(text, "report"), "report")
        fields.has_format(FORMAT)
        report = cls(
            server=fields.text("server"),
            model=fields.text("model"),
            rollout_id=fields.text("rollout_id"),
            done=fields.whole("done"),
            available=tuple(_version(one) for one in fields.items("available")),
            snapshot=Snapshot.from_json(json.dumps(fields.take("snapshot"))),
            broken=fields.text("broken"),
            first_candidate_sec=fields.number_or_none("first_candidate_sec"),
            broken_sec=fields.number_or_none("broken_sec"),
            wall_sec_to_rollback=fields.number_or_none("wall_sec_to_rollback"),
        )
        fields.done()
        return report


def _version(found: object) -> int:
    return Fields({"version": found}, "report, available").whole("version")


def path_of(server: str, folder: Path) -> Path:
    """Returns where a server's report stands."""
    return folder / f"{_PREFIX}{server}{_SUFFIX}"


def write(report: Report, folder: Path) -> None:
    """Puts a report in the place of the server's one before; a reader sees the old or the new one.

    It is written too often to wait for the disk each time; only one that tells of a broken guard
    survives a power failure for certain.

    Args:
        report: What to write.
        folder: Where reports are looked for; it is there.

    Raises:
        OSError: The folder takes no file, or the disk is full. The report before is as it was.
    """
    final = path_of(report.server, folder)
    whole_file.write(report.to_json(), final, synced=bool(report.broken))


def read(server: str, folder: Path) -> Report | None:
    """Returns a server's report; None where there is none that can be read, which is logged."""
    found = _read(path_of(server, folder))
    return found[0] if found else None


def read_all(folder: Path) -> tuple[tuple[Report, float], ...]:
    """Returns the report of each server, and when it was written, by the servers' names.

    What cannot be read, or is no report, is passed over and logged.

    Args:
        folder: Where reports are looked for; may be missing.

    Returns:
        Reports, each with its file's time of modification in seconds since 1970 of the machine's
        own clock.
    """
    paths = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    return tuple(found for path in paths if (found := _read(path)) is not None)


def remove_old(folder: Path, *, rollout_id: str, before_sec: float) -> None:
    """Removes reports about other rollouts that nobody has written for long.

    Args:
        folder: Where reports are looked for; may be missing.
        rollout_id: Of the rollout whose reports stay.
        before_sec: Those that were written before stay no longer; seconds since 1970 of the
            machine's own clock.

    Raises:
        OSError: One cannot be removed.
    """
    for report, written in read_all(folder):
        if written < before_sec and report.rollout_id != rollout_id:
            path_of(report.server, folder).unlink(missing_ok=True)


def _read(path: Path) -> tuple[Report, float] | None:
    try:
        with path.open("rb") as file:
            written = os.fstat(file.fileno()).st_mtime
            text = file.read(whole_file.MAX_BYTES + 1)
        report = Report.from_json(text)
    except FileNotFoundError:
        return None
    except (OSError, RolloutError) as error:
        _LOGGER.warning("%s is passed over: %s", path, error)
        return None
    if path_of(report.server, path.parent) != path:
        _LOGGER.warning("%s is passed over: it is the report of %s", path, report.server)
        return None
    return report, written
