"""The server's log lines, as JSON for machines or as text for a terminal.

Each line has a time, a level, a message and fields by name:

    _LOGGER.info("version available", extra={"fields": {"model": "taxi", "version": 3}})

    {"time": "2026-11-21T16:30:00.123Z", "level": "INFO", "message": "version available", ...}
    16:30:00 INFO version available model=taxi version=3
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
import warnings
from typing import Any, TextIO

FORMATS = ("json", "text")


class JsonFormatter(logging.Formatter):
    """A JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record."""
        return json.dumps(self._entry(record), ensure_ascii=False, default=str)

    def _entry(self, record: logging.LogRecord) -> dict[str, Any]:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        entry = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return entry


class TextFormatter(logging.Formatter):
    """A line for people, fields behind the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Returns the line of a record, without its exception."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return super().formatMessage(record) + fields


def configure(log_format: str, *, stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Sends this process' log lines of `serving` to a stream.

    Args:
        log_format: One of `FORMATS`.
        stream: Where to.
        level: The least important level that is shown.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logger = logging.getLogger("serving")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def quiet_tensorflow() -> None:
    """Keeps TensorFlow's native code quiet, unless the environment says otherwise.

    To be called before TensorFlow is imported.

    It prints pages of remarks on the machine, some of them as errors where nothing is wrong; what
    really fails is raised. A library of Google's that comes along warns of Python's age.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
