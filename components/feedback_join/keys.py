"""Names: of the component's inputs, outputs and parameters, of its files and properties."""

from __future__ import annotations

from typing import Final

SERVED_EXAMPLES = "served_examples"  # of PredictionLogExampleGen
SCHEMA = "schema"  # optional: tells the types of the columns that are delivered
LABELLED_EXAMPLES = "labelled_examples"

LABELS_FOLDER = "labels_folder"
LABELS_FINGERPRINT = "labels_fingerprint"  # as `drop_folder.fingerprint` gives it
COLUMNS = "columns"  # JSON list: the columns that are delivered
IDENTIFIERS = "identifiers"  # JSON list: the columns that together name an entity; may be empty
MAX_DELAY_SEC = "max_delay_sec"
AS_OF_SEC = "as_of_sec"
CONTRADICTIONS = "contradictions"  # `LATEST` or `DROP`

LATEST: Final = "latest"
DROP: Final = "drop"

# Columns of a drop file beside identifiers and labels.
REQUEST_ID: Final = "request_id"
ROW: Final = "row"  # place in the request, 0 where it is not told
LABELLED_AT: Final = "labelled_at"  # seconds since 1970, or ISO 8601

SPLIT: Final = "labelled"  # of the labelled examples: the served rows whose label is known
REPORT_FILE: Final = "report.json"  # beside the split

# Custom properties of the labelled examples: counts of the report, by group and name in it.
SERVED = "served"  # rows that were asked about: matched + unmatched
MATCHED = "matched"
UNMATCHED = "unmatched"
LATE = "late"
EARLY = "early"
NOT_YET = "not_yet"
AMBIGUOUS = "ambiguous"
DUPLICATE = "duplicate"
CONTRADICTORY = "contradictory"
ORPHAN = "orphan"
UNREADABLE = "unreadable"
