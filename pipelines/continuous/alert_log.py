"""Writes alerts to a file, a JSON object on each line.

Each goes there once even where its sender was killed in between: a line with its id is looked for
first. A line that was cut by a killed sender is left as it is, and the alert written again below.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from pipelines.continuous.alerts import Alert, DeliveryError


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlertLog:
    """A file of alerts.

    Attributes:
        path: The file; made, with its folder, when absent.
        name: As in `Channel`.
        resend_in_doubt: As in `Channel`.
    """

    path: Path
    name: str = "log"
    resend_in_doubt: bool = True

    def send(self, alert: Alert, *, now_sec: float) -> None:
        """Writes an alert, unless it stands there.

        Raises:
            DeliveryError: The file cannot be read or written.
        """
        line = json.dumps(alert.document(), ensure_ascii=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                file.seek(0)
                last = b"\n"
                for last in file:
                    if _id(last) == alert.id:
                        return
                # In one piece, so that lines of two writers do not mix.
                file.write(line if last.endswith(b"\n") else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(f"{self.path} cannot be written: {error.strerror}") from error


def _id(line: bytes) -> str:
    """Returns the id on a whole line; empty where there is none."""
    try:
        document = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return ""
    return str(document.get("id", "")) if isinstance(document, dict) else ""
