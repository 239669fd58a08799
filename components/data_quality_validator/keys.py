"""Names of the component's inputs, outputs, parameters, files, and what it tells of its output."""

from __future__ import annotations

EXAMPLES = "examples"
SCHEMA = "schema"
ANOMALIES = "anomalies"

RULES_PATH = "rules_path"
NOW_SEC = "now_sec"
HOUR = "hour"

# Files in the folder of the output; the first one in a folder for each split.
ANOMALIES_FILE = "SchemaDiff.pb"
QUALITY_FILE = "quality.json"

# Custom properties of the output.
BLESSED = "blessed"  # 1 or 0
STATUS = "status"  # OK, ALARM or NOT_MEASURED
CAUSE = "cause"  # the worst finding in one line; empty when it is blessed
RULES = "rules"
BROKEN = "broken"
NOT_MEASURED = "not_measured"
ROWS = "rows"
