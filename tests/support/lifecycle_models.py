"""A loader without TensorFlow: the model of a version folder is the text in its file `number`.

7             computes 7
fail TEXT     cannot be loaded, because of TEXT
break         breaks the loader itself
wait 7        loads only once there is a file `go` beside it, then computes 7
sticky 7      computes 7, but cannot be closed
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from google.protobuf import text_format

from serving.wire.errors import ServingError, StatusCode
from serving.wire.messages import POOL, ModelServerConfig, ModelSpec
from serving.wire.specs import Signature

_Result = TypeVar("_Result")

PATIENCE_SEC = 20.0


class NumberServable:
    """Computes its number; refuses to once it is closed."""

    signatures: Mapping[str, Signature] = {}
    signature_def_map: Any = None

    def __init__(self, number: int, *, sticky: bool = False) -> None:
        self.number = number
        self.closed = threading.Event()
        self._sticky = sticky

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        if self.closed.is_set():
            raise AssertionError(f"servable {self.number} was used after it was closed")
        return {"y": np.asarray(self.number)}

    def close(self) -> None:
        self.closed.set()
        if self._sticky:
            raise RuntimeError("this servable cannot be closed")


class NumberLoader:
    """Loads version folders; notes each try as (model, version)."""

    def __init__(self) -> None:
        self.tries: list[tuple[str, int]] = []
        self.loaded: dict[tuple[str, int], NumberServable] = {}

    def load(self, model: str, version: int, folder: Path) -> NumberServable:
        self.tries.append((model, version))
        servable = _servable(folder)
        self.loaded[model, version] = servable
        return servable


def _servable(folder: Path) -> NumberServable:
    try:
        word, _, rest = (folder / "number").read_text().partition(" ")
    except FileNotFoundError:
        raise ServingError(StatusCode.NOT_FOUND, f"no model in {folder.name}") from None
    if word == "fail":
        raise ServingError(StatusCode.INTERNAL, rest)
    if word == "break":
        raise RuntimeError("the loader broke")
    if word == "wait":
        _wait_for(folder / "go")
    return NumberServable(int(rest or word), sticky=word == "sticky")


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SEC
    while not path.exists():
        if time.monotonic() > deadline:
            raise AssertionError(f"nobody made {path}")
        time.sleep(0.005)


def push(base: Path, version: int | str, text: str) -> Path:
    """Puts a version into a base path as a pusher does: whole, by renaming."""
    base.mkdir(parents=True, exist_ok=True)
    draft = base / f"draft-of-{version}"
    draft.mkdir()
    (draft / "number").write_text(text)
    return draft.rename(base / str(version))


def server_config(text: str) -> Any:
    """Returns a ModelServerConfig from its text."""
    return text_format.Parse(text, ModelServerConfig(), descriptor_pool=POOL)


def config_of(*bases: Path, more: str = "") -> Any:
    """Returns a config of models that are named after their base paths, all with `more`."""
    models = "".join(
        f'config {{ name: "{base.name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'
        for base in bases
    )
    return server_config(f"model_config_list {{ {models} }}")


def spec(name: str, version: int | None = None, label: str | None = None) -> Any:
    """Returns a ModelSpec."""
    message = ModelSpec(name=name)
    if version is not None:
        message.version.value = version
    if label is not None:
        message.version_label = label
    return message


def on_loop(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs a test on an event loop of its own; fails where it hangs."""

    async def patiently() -> _Result:
        return await asyncio.wait_for(work, PATIENCE_SEC)

    return asyncio.run(patiently())


async def comes_true(condition: Callable[[], object]) -> None:
    """Returns once a condition holds."""
    while not condition():
        await asyncio.sleep(0.005)
