"""What the processes do that send and fetch remote files in tests.

A process of its own imports it by name, which it could not do with a test module.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from object_stores import BUCKET

from pipelines.runners.kubeflow.remote_files import RemoteFiles

URI = f"s3://{BUCKET}/root/Trainer/model/7"


def send_until_killed(environment: dict[str, str], mirror: str, started: str) -> None:
    """Sends a folder and never comes to the end of it."""
    files = RemoteFiles(Path(mirror), environment)
    original = files._upload

    def upload(place: Any, source: Path) -> Any:
        if source.name == "last":
            Path(started).touch()
            threading.Event().wait()
        return original(place, source)

    files._upload = upload  # type: ignore[method-assign]
    files.send(URI)


def fetch_into(environment: dict[str, str], mirror: str) -> None:
    """Fetches the folder `data`."""
    RemoteFiles(Path(mirror), environment).fetch(f"s3://{BUCKET}/data")
