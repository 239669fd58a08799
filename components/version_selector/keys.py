"""Names of the component's inputs, outputs, parameters, and of what it records on its choice."""

from __future__ import annotations

EXAMPLES = "examples"
PUSHED_MODELS = "pushed_models"
CHOICE = "choice"

MODELS_FOLDER = "models_folder"  # with a folder of a SavedModel for each version
VERSIONS = "versions"  # JSON list of numbers, the one that serves among them
SERVING_VERSION = "serving_version"
PASSED_OVER = "passed_over"  # JSON {why: list of the versions that are not evaluated}
SPLIT = "split"
LABEL = "label"
PREDICTION_OUTPUT = "prediction_output"
ERROR_RATE = "error_rate"
MIN_GAIN = "min_gain"
MIN_METRIC = "min_metric"
MIN_EXAMPLES = "min_examples"
MAX_EXAMPLES = "max_examples"

# Custom properties of the choice.
CHOSEN_VERSION = "chosen_version"  # int; absent where a new model is to be trained
BECAUSE = "because"  # cut where it is long; findings.json has all of it
EXAMPLES_EVALUATED = "examples_evaluated"

FINDINGS_FILE = "findings.json"
