"""Where a pipeline's data lies, made by the pipeline's own `data_fn` where nobody names a folder.

Every command that reads data calls `resolve` first, and from then on reads `config.data_root`. What
lies there is looked at by `pipelines.preflight`.

    data/flights/            what data_fn wrote
    data/.flights.made-by    by which function, in which version of its code
    data/.flights.<hex>/     what somebody is writing just now
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import fcntl
import importlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipelines.config import ConfigT
from pipelines.errors import DataError, RingwayError, UsageError
from pipelines.runners.local.code_version import CodeVersions
from pipelines.workspace import REPOSITORY, Workspace

_DAY_SEC = 24 * 3600
_CHANGED = "folder_changed_ns"


class _State(enum.Enum):
    ABSENT = enum.auto()
    CURRENT = enum.auto()
    STALE = enum.auto()
    FOREIGN = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Maker:
    """What makes a folder: an import path, and the versions of the modules behind it."""

    data_fn: str
    code: dict[str, str]


def resolve(
    config: ConfigT,
    workspace: Workspace,
    note: Callable[[str], None] = lambda _: None,
    roots: Sequence[Path] = (REPOSITORY,),
) -> ConfigT:
    """Returns the configuration with a `data_root` that is filled.

    A folder that the configuration names is left alone. Otherwise `data_fn` makes
    `workspace.data_root(name)`, and makes it anew where another function, or another version of its
    code, made what is there. A folder that no such function made, or to which entries were added
    since or from which some were taken, is left alone, and that is noted.

    Args:
        config: As it was read.
        workspace: Where the folder is made.
        note: Told that a folder is about to be made, since that may take a while, or left alone.
        roots: Folders of the code whose versions count.

    Raises:
        UsageError: There is no such function, or its module cannot be parsed.
        DataError: The function failed, or made nothing; nothing is left of what it wrote, and what
            was there before still is.
    """
    if config.data_root:
        return config
    folder = workspace.data_root(config.name)
    maker = _Maker(data_fn=config.data_fn, code=_code(config.data_fn, roots))
    state = _state(folder, maker)
    if state is _State.FOREIGN:
        note(
            f"data folder {folder}: is not as data_fn {config.data_fn} made it, and is used as it "
            "is; remove it to have it made anew"
        )
    elif state is not _State.CURRENT:
        why = f": {maker.data_fn} or its code has changed" if state is _State.STALE else ""
        note(f"making the data of {config.name} in {folder}{why}")
        _fill(folder, maker)
    return dataclasses.replace(config, data_root=str(folder))


def _code(import_path: str, roots: Sequence[Path]) -> dict[str, str]:
    try:
        return CodeVersions(roots).of_import_path(import_path)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"data_fn {import_path}: its code cannot be parsed: {error}") from error


def _state(folder: Path, maker: _Maker) -> _State:
    if not _has_entries(folder):
        return _State.ABSENT
    try:
        record = json.loads(_record(folder).read_bytes())
        # Whoever adds a span by hand would lose it if the folder were made anew.
        if record.pop(_CHANGED) != folder.stat().st_mtime_ns:
            return _State.FOREIGN
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return _State.FOREIGN
    return _State.CURRENT if record == dataclasses.asdict(maker) else _State.STALE


def _has_entries(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _record(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.made-by")


def _temporary(folder: Path) -> Path:
    # Beside the folder, so that it appears with everything in it or not at all.
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")


def _fill(folder: Path, maker: _Maker) -> None:
    function = _function(maker.data_fn)
    partial = _temporary(folder)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise _failure(folder, maker, error) from error
    try:
        _remove_leftovers(folder, partial.stat().st_mtime)
        function(partial)
        if not _has_entries(partial):
            raise DataError(
                f"data_fn {maker.data_fn}: expected data files in the folder that it is given, "
                "received none",
                remedy="Let it write them there, or name a folder with --set data_root=FOLDER.",
            )
        _place(partial, folder, maker)
    except RingwayError:
        raise
    except Exception as error:
        raise _failure(folder, maker, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _failure(folder: Path, maker: _Maker, error: Exception) -> DataError:
    return DataError(
        f"data_fn {maker.data_fn}: could not fill {folder}: {type(error).__name__}: {error}",
        remedy="Mend it, or name a folder of data with --set data_root=FOLDER.",
    )


def _remove_leftovers(folder: Path, now_sec: float) -> None:
    """Removes what makers that were killed have left, a day later."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.([0-9]+|[0-9a-f]{{32}})")
    for path in folder.parent.iterdir():
        with contextlib.suppress(OSError):  # another maker may be removing it as well
            if name.fullmatch(path.name) and now_sec - path.stat().st_mtime > _DAY_SEC:
                shutil.rmtree(path)


def _place(partial: Path, folder: Path, maker: _Maker) -> None:
    """Puts a new folder where it belongs, unless another maker was faster."""
    replaced = _temporary(folder)
    with _locked(folder.parent):
        state = _state(folder, maker)
        if state in (_State.CURRENT, _State.FOREIGN):
            return
        if state is _State.STALE:
            folder.rename(replaced)
        # Before the folder is there: one that has no record would be taken for made by hand.
        _write_record(folder, maker, partial.stat().st_mtime_ns)
        partial.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def _write_record(folder: Path, maker: _Maker, changed_ns: int) -> None:
    record = {**dataclasses.asdict(maker), _CHANGED: changed_ns}
    _record(folder).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems lock no folders; there the renames alone have to do.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
