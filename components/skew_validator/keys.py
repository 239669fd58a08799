"""Names of the component's inputs, outputs, parameters and files, and of what it records."""

from __future__ import annotations

from typing import Final

TRAINING_EXAMPLES = "training_examples"
TRAINING_STATISTICS = "training_statistics"
SERVING_EXAMPLES = "serving_examples"
SERVING_STATISTICS = "serving_statistics"
SCHEMA = "schema"
PREVIOUS_EXAMPLES = "previous_examples"
PREVIOUS_STATISTICS = "previous_statistics"
MODEL = "model"
ANOMALIES = "anomalies"

TERMS = "terms"  # JSON: what the check is held to
SEED = "seed"
TRAINING_SPLIT = "training_split"
SERVING_SPLIT = "serving_split"
EVAL_SPLIT = "eval_split"
MODEL_VERSION = "model_version"  # whose predictions are compared; "" for those of all
LABEL = "label"
TITLE = "title"
AGAINST = "against"
ENVIRONMENT = "environment"
MAX_ROWS = "max_rows"
PREDICTION_OUTPUT = "prediction_output"

# Values of AGAINST.
TRAINING: Final = "training"
PREVIOUS: Final = "previous"

# What lies in the folder of the anomalies, beside `Split-serving/SchemaDiff.pb`.
SPLIT: Final = "serving"
FINDINGS_FILE: Final = "findings.json"
REPORT_FILE: Final = "report.html"

# Custom properties of the anomalies.
BLESSED = "blessed"  # 1 or 0
STATUS = "status"  # "OK", "ALARM" or "NOT_COMPARED"
CAUSE = "cause"  # the worst finding in one line; empty when blessed
ALARMS = "alarms"  # how many findings alarm
NOT_COMPARED = "not_compared"  # how many could not be compared
TRAINING_ROWS = "training_rows"
SERVING_ROWS = "serving_rows"
