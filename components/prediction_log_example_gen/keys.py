"""Names: of the component's inputs, outputs and parameters, of its columns and its properties."""

from __future__ import annotations

from typing import Final

SCHEMA = "schema"
EXAMPLES = "examples"

LOG_FOLDER = "log_folder"
LOG_PREFIX = "log_prefix"
WINDOW_SEC = "window_sec"
START_SEC = "start_sec"
END_SEC = "end_sec"
SCHEMA_PATH = "schema_path"
ABSENT = "absent"  # JSON: the value that stands for none, by feature
MODEL_NAME = "model_name"
PREDICTION_OUTPUT = "prediction_output"
SPLIT = "split"
LOG_FINGERPRINT = "log_fingerprint"
ARMS = "arms"

# Values of ARMS.
ANSWERED: Final = "answered"  # what callers got
SHADOW: Final = "shadow"  # what a shadow answered to copies of their requests
ALL: Final = "all"

# How a record says that it is a shadow's; `stable` and `candidate` are answers that callers got.
SHADOW_ARM: Final = "shadow"

# Columns beside those of the schema. No model trains on them: no schema may hold such a name, and
# what reads examples by a schema passes over the others.
EXTRA_PREFIX: Final = "ringway_"
REQUEST_ID: Final = "ringway_request_id"
ROW: Final = "ringway_row"  # place in the request, from 0
SERVED_AT: Final = "ringway_served_at"  # whole seconds since 1970
MODEL: Final = "ringway_model_name"
MODEL_VERSION: Final = "ringway_model_version"
SIGNATURE: Final = "ringway_signature"
SAMPLING_RATE: Final = "ringway_sampling_rate"  # of the log; a row stands for 1 / rate rows
ROLLOUT: Final = "ringway_rollout"  # id of the rollout that was under way; without one no value
ARM: Final = "ringway_arm"  # of that rollout: stable, candidate or shadow
PREDICTION: Final = "ringway_prediction"
OUTPUT_PREFIX: Final = "ringway_prediction_"  # and an output's name: outputs beside the prediction

REPORT_FILE: Final = "log_report.json"

# Custom properties of the examples, from the report.
START = "window_start_sec"
END = "window_end_sec"
COUNTS: Final = {
    "shards_read": ("shards", "read"),
    "shards_torn": ("shards", "torn"),
    "shards_unreadable": ("shards", "unreadable"),
    "shards_unfinished": ("shards", "unfinished"),
    "records_found": ("records", "found"),
    "records_used": ("records", "used"),
    "records_corrupt": ("records", "corrupt"),
    "records_late": ("records", "late"),
    "records_not_readable": ("records", "not_readable"),
    "rows_written": ("rows", "written"),
    "rows_duplicate": ("rows", "duplicate"),
    "rows_conflicting": ("rows", "conflicting"),
    "rows_not_readable": ("rows", "not_readable"),
    "values_not_cast": ("values", "not_cast"),
}


def is_extra(column: str) -> bool:
    """Returns whether a column was added here, and is none of the served model's inputs."""
    return column.startswith(EXTRA_PREFIX)
