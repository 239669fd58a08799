"""Where a pipeline's data lies, made by the pipeline's own `data_fn` where nobody names a folder.

Every command that reads data calls `resolve` first, and from then on reads `config.data_root`. What
lies there is looked at by `pipelines.preflight`.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.config import ConfigT
from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.workspace import Workspace


def resolve(
    config: ConfigT, workspace: Workspace, note: Callable[[str], None] = lambda _: None
) -> ConfigT:
    """Returns the configuration with a `data_root` that is filled.

    A folder that the configuration names is left alone. Otherwise `data_fn` makes
    `workspace.data_root(name)`, unless it is there: then nothing is done, even if the function has
    changed since; remove the folder to have it made anew.

    Args:
        config: As it was read.
        workspace: Where the folder is made.
        note: Told that a folder is about to be made, since that may take a while.

    Raises:
        UsageError: There is no such function.
        DataError: The function failed, or made nothing; nothing is left of what it wrote.
    """
    if config.data_root:
        return config
    folder = workspace.data_root(config.name)
    if not _has_entries(folder):
        note(f"making the data of {config.name} in {folder}")
        _fill(folder, config.data_fn)
    return dataclasses.replace(config, data_root=str(folder))


def _has_entries(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _fill(folder: Path, import_path: str) -> None:
    function = _function(import_path)
    # Beside the folder, so that it appears with everything in it or not at all.
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        function(partial)
        if not _has_entries(partial):
            raise DataError(
                f"data_fn {import_path}: expected data files in the folder that it is given, "
                "received none",
                remedy="Let it write them there, or name a folder with --set data_root=FOLDER.",
            )
        _move(partial, folder)
    except RingwayError:
        raise
    except Exception as error:
        raise DataError(
            f"data_fn {import_path}: could not fill {folder}: {type(error).__name__}: {error}",
            remedy="Mend it, or name a folder of data with --set data_root=FOLDER.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not _has_entries(folder):  # else another command was faster, with the same data
            raise


def _function(import_path: str) -> Callable[[Path], Any]:
    module, _, name = import_path.rpartition(".")
    try:
        function: Callable[[Path], Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"data_fn: expected the import path of a function, received {import_path!r}: {error}",
            remedy="Check its spelling, or name a folder of data with --set data_root=FOLDER.",
        ) from error
    return function
