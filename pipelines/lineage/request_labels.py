"""The labels that were delivered for a request, and which of them counts.

Files are looked through as bytes first, so that a year of them is quick; Parquet is always read.
What a drop file looks like and which label counts is told in `components.feedback_join`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.feedback_join import drop_folder, join_keys, label_rows, matching
from components.feedback_join.drop_folder import CSV, DropFile
from components.feedback_join.label_files import LabelFileError
from components.feedback_join.label_rows import Label, Wanted
from components.prediction_log_example_gen.inputs import Row
from components.prediction_log_example_gen.plan import kinds_of
from pipelines import schema_file
from pipelines.errors import DataError
from pipelines.lineage import documents
from pipelines.lineage.request_answer import plain_value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """How labels are read.

    Attributes:
        folder: The drop folder.
        columns: Columns that are delivered.
        identifiers: Columns that together name an entity.
        max_delay_sec: How long after a request its label may be known.
        contradictions: Which of different labels counts.
        kinds: By column the field of a Feature that holds its values; others hold floats.
    """

    folder: Path
    columns: tuple[str, ...]
    identifiers: tuple[str, ...] = ()
    max_delay_sec: float = 0.0
    contradictions: str = "latest"
    kinds: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any], folder: Path) -> Terms:
        """Returns the terms of a pipeline's configuration, as a run recorded it.

        Args:
            config: As `pipelines.config.to_dict` gives it; what it lacks has no value.
            folder: The drop folder.
        """
        feedback, skew = config.get("feedback") or {}, config.get("skew") or {}
        return cls(
            folder=folder,
            columns=tuple(feedback.get("columns") or [config.get("label") or "label"]),
            identifiers=tuple(skew.get("identifiers") or ()),
            max_delay_sec=float(feedback.get("max_delay_sec") or 0.0),
            contradictions=str(feedback.get("contradictions") or "latest"),
            kinds=_kinds(str(config.get("schema_path") or "")),
        )


def delivered(
    terms: Terms, request_id: str, rows: Sequence[Row], served_sec: float
) -> list[dict[str, Any]]:
    """Returns what was delivered, a document for each row that a label came for.

    Its keys: `row`, `label` (values by column; null where none counts), `labelled`, `reason` why
    none counts, `late`, `duplicate`, `contradictory`, and `files`.

    Args:
        terms: How labels are read.
        request_id: The request.
        rows: Of the request, whose entities a label may name instead.
        served_sec: When it was answered, in seconds since 1970.

    Raises:
        OSError: The folder cannot be listed.
    """
    places = _places(terms, request_id, rows)
    found: dict[int, list[tuple[matching.Known, str]]] = {}
    since = served_sec - terms.max_delay_sec
    for file in drop_folder.listed(terms.folder, since_sec=since).files:
        for label in _in_file(file, terms, request_id, places):
            found.setdefault(places[label.key], []).append((label.known, file.name))
    return [_document(terms, row, found[row], served_sec) for row in sorted(found)]


def _kinds(schema_path: str) -> Mapping[str, str | None]:
    """Returns the types that the pipeline's curated schema tells; none where it is gone."""
    try:
        return kinds_of(schema_file.read(Path(schema_path))) if schema_path else {}
    except (DataError, ValueError):
        return {}


def _places(terms: Terms, request_id: str, rows: Sequence[Row]) -> dict[bytes, int]:
    """Returns the row of each key under which a label may come."""
    found = {join_keys.by_request(request_id, place): place for place in range(max(1, len(rows)))}
    for place, row in enumerate(rows):
        texts = [_entity(row, name) for name in terms.identifiers]
        named = [text for text in texts if text is not None]
        if named and len(named) == len(texts):
            found.setdefault(join_keys.by_entity(named), place)
    return found


def _entity(row: Row, name: str) -> str | None:
    served = (row.columns or {}).get(name)
    if served is None or len(served.values) != 1:
        return None
    return join_keys.as_text(served.values[0])


def _in_file(
    file: DropFile, terms: Terms, request_id: str, places: Mapping[bytes, int]
) -> list[Label]:
    wanted = Wanted(columns=terms.columns, identifiers=terms.identifiers, kinds=terms.kinds)
    try:
        if file.name.endswith(CSV) and not _may_hold(file, request_id, places):
            return []
        rows = label_rows.read(file, wanted)
    except (LabelFileError, OSError):  # not whole, or gone: `feedback_join` reports such files
        return []
    return [row for row in rows if isinstance(row, Label) and row.key in places]


def _may_hold(file: DropFile, request_id: str, places: Mapping[bytes, int]) -> bool:
    content = Path(file.path).read_bytes()
    if _in_csv(request_id.encode()) in content:
        return True
    # A key of several columns is JSON, and its parts may stand apart: only single ones are sought.
    entities = [key[1:] for key in places if key.startswith(b"e")]
    return any(_in_csv(entity) in content or entity.startswith(b"[") for entity in entities)


def _in_csv(text: bytes) -> bytes:
    return text.replace(b'"', b'""')


def _document(
    terms: Terms, row: int, labels: list[tuple[matching.Known, str]], served_sec: float
) -> dict[str, Any]:
    choice = matching.choose(
        [known for known, _ in labels],
        served_sec,
        max_delay_sec=terms.max_delay_sec,
        contradictions=terms.contradictions,
    )
    label = choice.label
    values = (
        None
        if label is None
        else dict(zip(terms.columns, map(plain_value, label.values), strict=True))
    )
    return {
        "row": row,
        "label": values,
        "labelled": None if label is None else documents.time(label.labelled_sec),
        "reason": choice.reason or None,
        "late": choice.late,
        "duplicate": choice.duplicate,
        "contradictory": choice.contradictory,
        "files": sorted({name for _, name in labels}),
    }
