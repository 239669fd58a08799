"""Which data no training has read: what lies in the data folder against what ML Metadata holds.

A pipeline whose pattern has spans is given a new folder or file for each; one has to appear as a
whole (written elsewhere and then renamed). Numbers grow with time: older ones than the newest that
was trained on are no news, unless in a new version. Where the pattern has no versions, one is made
of the files' sizes and times.

A pipeline without spans has one span, number 0, whose version changes with its files.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from components.arrow_example_gen import patterns
from pipelines import data_files
from pipelines.config import PipelineConfig
from pipelines.continuous.snapshot import Span
from pipelines.errors import DataError
from pipelines.lineage import data_uses
from pipelines.lineage.keys import RunState
from pipelines.lineage.records import ArtifactRecord, History

_NANOSECONDS = 1_000_000_000
_ROWS_COUNTED = 10_000_000  # beyond that it makes no difference to any policy


def trained_on(history: History | None) -> tuple[ArtifactRecord, ...]:
    """Returns the ingested examples of every run that made a model, oldest first."""
    if history is None:
        return ()
    found: dict[int, ArtifactRecord] = {}
    for run in history.runs:
        # The data of a run that broke down after its training is still to be learned from.
        if run.state == RunState.FAILED:
            continue
        links = [link for one in history.executions_in(run.name) for link in one.outputs]
        if not history.linked(links, type_name=data_uses.MODEL):
            continue
        for examples in history.linked(links, type_name=data_uses.EXAMPLES):
            if data_uses.is_ingested(history, examples):
                found.pop(examples.id, None)  # from the cache: the newest all the same
                found[examples.id] = examples
    return tuple(found.values())


def new_spans(config: PipelineConfig, trained: Sequence[ArtifactRecord]) -> tuple[Span, ...]:
    """Returns the spans that no training has read, by number.

    Args:
        config: Of the pipeline; its `data_root` is a folder that is there.
        trained: As `trained_on` gives it.

    Raises:
        DataError: The folder cannot be read, or holds nothing that fits the pattern.
    """
    root = Path(config.data_root)
    if not patterns.has_spans(config.input_pattern):
        return _whole(data_files.listed(root, config.input_pattern).files, trained)
    known: dict[int, int | None] = {}
    for examples in trained:
        known.update(examples.spans)
    newest = max(known, default=-1)
    names = (path.relative_to(root).as_posix() for path in _paths(root, config.input_pattern))
    return tuple(
        _span(number, version, _of_span(root, config, number, version))
        for number, version in sorted(patterns.find(config.input_pattern, names).items())
        if _is_new(number, version, newest, known)
    )


def _span(number: int, version: int | None, files: Sequence[Path]) -> Span:
    if version is None:
        # So that a span whose files are mended is news again.
        version = zlib.crc32(_fingerprint(files).encode())
    return Span(number=number, version=version, rows=_rows(files))


def _is_new(number: int, version: int | None, newest: int, known: Mapping[int, int | None]) -> bool:
    if number in known:
        return version is not None and version != known[number]
    return number > newest


def _paths(root: Path, pattern: str) -> Iterable[Path]:
    return sorted(root.glob(patterns.wildcard(pattern)))


def _of_span(root: Path, config: PipelineConfig, number: int, version: int | None) -> list[Path]:
    one = patterns.filled(config.input_pattern, patterns.Span(number, version))
    return sorted(root.glob(one))


def _whole(files: Sequence[Path], trained: Sequence[ArtifactRecord]) -> tuple[Span, ...]:
    fingerprint = _fingerprint(files)
    if any(examples.fingerprint.endswith(fingerprint) for examples in trained[-1:]):
        return ()
    version = zlib.crc32(fingerprint.encode())
    return (Span(number=0, version=version, rows=_rows(files)),)


def _fingerprint(files: Sequence[Path]) -> str:
    """Returns what ExampleGen records of files without spans, after the name of the split.

    Source: TFX, tfx/components/example_gen/utils.py, generate_fingerprint.
    """
    statuses = [path.stat() for path in files]
    times = [status.st_mtime_ns // _NANOSECONDS for status in statuses]
    return (
        f"num_files:{len(files)},total_bytes:{sum(status.st_size for status in statuses)},"
        f"xor_checksum:{functools.reduce(int.__xor__, times, 0)},sum_checksum:{sum(times)}"
    )


def _rows(files: Iterable[Path]) -> int:
    return sum(_rows_of(path, *_identity(path)) for path in files)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=4096)  # the same files are looked at in every tick
def _rows_of(path: Path, _size: int, _changed_ns: int) -> int:
    try:
        return data_files.count_rows(path, _ROWS_COUNTED)
    except DataError:
        return 1  # a run that reads it says what is wrong with it
