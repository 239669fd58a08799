"""Models on disk as a pusher leaves them, and the configuration that names them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import serving_requests as ask
from model_server import ModelServer, until

START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50


def push(source: Path, base: Path, version: int | str) -> Path:
    """Copies a model to a base path, where it appears whole."""
    base.mkdir(parents=True, exist_ok=True)
    draft = base / f"draft-of-{version}"
    shutil.copytree(source, draft)
    return draft.rename(base / str(version))


def push_broken(base: Path, version: int) -> Path:
    """Makes a version that cannot be loaded."""
    draft = base / f"draft-of-{version}"
    draft.mkdir(parents=True)
    (draft / "saved_model.pb").write_bytes(b"no model")
    return draft.rename(base / str(version))


def config(*bases: Path, more: str = "") -> str:
    """Returns a ModelServerConfig of models that are named after their base paths."""
    models = "".join(
        f'config {{ name: "{base.name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'
        for base in bases
    )
    return f"model_config_list {{ {models} }}"


def serve(server: ModelServer, *bases: Path, more: str = "", metrics: tuple[str, ...] = ()) -> Any:
    """Has a server serve these models, and no others."""
    return server.models.HandleReloadConfigRequest(
        ask.reload(config(*bases, more=more), *metrics), timeout=60
    )


def states(server: ModelServer, name: str) -> dict[int, int]:
    """Returns the states of a model's versions, in the order in which they are listed."""
    response = server.models.GetModelStatus(ask.status(ask.spec(name)))
    return {each.version: each.state for each in response.model_version_status}


def reaches(server: ModelServer, name: str, expected: dict[int, int]) -> None:
    """Waits until a model's versions are in these states."""
    until(lambda: states(server, name) == expected, told=f"{states(server, name)}")
    assert list(states(server, name)) == sorted(expected, reverse=True)


def error_of(server: ModelServer, name: str, version: int) -> Any:
    """Returns the status of a version: error_code and error_message."""
    response = server.models.GetModelStatus(ask.status(ask.spec(name, version)))
    return response.model_version_status[0].status


def answered_version(server: ModelServer, name: str, label: str | None = None) -> int:
    """Returns the version that answers Predict."""
    response = server.prediction.Predict(ask.predict(ask.spec(name, label=label), x=[[2.0]]))
    assert ask.values(response) == [3.0]
    version: int = response.model_spec.version.value
    return version
