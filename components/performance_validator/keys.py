"""Names of the component's inputs, outputs, parameters and files, and of what it records."""

from __future__ import annotations

from typing import Final

SERVED_EXAMPLES = "served_examples"
LABELLED_EXAMPLES = "labelled_examples"
EVALUATIONS = "evaluations"
PERFORMANCE = "performance"

TERMS = "terms"  # JSON: what performance is held to
EVAL_CONFIG = "eval_config"  # JSON: TFMA's EvalConfig, as Evaluator takes it
LABEL_FN = "label_fn"
EVALUATED = "evaluated"  # JSON: the URI of the evaluation of a version, by the version
IDENTIFIERS = "identifiers"  # JSON list: the columns that together name an entity; may be empty
TITLE = "title"

# What lies in the folder of the performance, beside TFMA's own files.
FINDINGS_FILE: Final = "findings.json"

# Custom properties of the performance.
BLESSED = "blessed"  # 1 or 0
STATUS = "status"  # "OK", "DEGRADED" or "NOT_COMPARED"
CAUSE = "cause"  # why it is not blessed, in one line; empty when it is
DEGRADED = "degraded"  # how many versions are
SERVED_ROWS = "served_rows"
LABELLED_ROWS = "labelled_rows"
