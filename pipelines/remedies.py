"""What to do about each kind of anomaly that TFDV can find, in plain words.

The kinds are the values of `tensorflow_metadata.proto.v0.anomalies_pb2.AnomalyInfo.Type`; a test
keeps the table complete. Finding the place in the data is left to `pipelines.diagnosis`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2

_WRONG_TYPE = (
    "Mend the values that have another type (one text such as 'N/A' turns a column of numbers "
    "into text; a column of floats needs at least one value with a point), or change the "
    "feature's type in the schema."
)
_NEW_VALUES = (
    "If the new values are right, add them to the feature's domain in the schema (or lower its "
    "distribution_constraints.min_domain_mass); otherwise mend the data."
)
_TOO_LOW = "Mend the values below the domain's min, or lower min in the schema."
_TOO_HIGH = "Mend the values above the domain's max, or raise max in the schema."
_MISSING_VALUES = (
    "Fill the empty cells, or lower presence (min_fraction, min_count) of the feature in the "
    "schema and give it a default in preprocessing."
)
_WRONG_COUNT = "Give each example as many values as value_count or shape says, or change that."
_UNIQUE = "Check the feature's distinct values, or change its unique_constraints in the schema."
_ENCODING = "Convert the values to UTF-8 text, or change the feature's domain in the schema."
_COMPARATOR = (
    "See whether the change in the data is real: if so, retrain on newer data or raise the "
    "comparator's threshold in the schema; if not, mend the source of the data."
)
_EXAMPLE_COUNT = (
    "See whether data is missing or doubled; if the number of examples is right, change "
    "dataset_constraints in the schema."
)
_NO_DATA = "Put examples into the data folder, and check that its pattern matches the files."
_SPARSE = "Mend the index and value columns that the schema's sparse_feature names, or drop it."
_WEIGHTED = (
    "Mend the value and weight columns that the schema's weighted_feature names, or drop it."
)
_SCHEMA_WRONG = "Mend the schema: see what the description says about this feature."
_SEQUENCE = (
    "Check the tokens of the feature's sequences, or change the bounds of its "
    "natural_language_domain in the schema."
)
_IMAGE = "Check the images, or change the bounds of the feature's image_domain in the schema."
_DERIVED = "Mend the derived feature's source and lifecycle_stage in the schema."

_REMEDIES: dict[str, tuple[str, ...]] = {
    "See what the description says, and mend the data or the schema.": (
        "UNKNOWN_TYPE",
        "MULTIPLE_REASONS",
    ),
    _WRONG_TYPE: (
        "BOOL_TYPE_BYTES_NOT_INT",
        "BOOL_TYPE_BYTES_NOT_STRING",
        "BOOL_TYPE_FLOAT_NOT_INT",
        "BOOL_TYPE_FLOAT_NOT_STRING",
        "BOOL_TYPE_INT_NOT_STRING",
        "BOOL_TYPE_STRING_NOT_INT",
        "ENUM_TYPE_BYTES_NOT_STRING",
        "ENUM_TYPE_FLOAT_NOT_STRING",
        "ENUM_TYPE_INT_NOT_STRING",
        "FLOAT_TYPE_NOT_FLOAT",
        "FLOAT_TYPE_STRING_NOT_FLOAT",
        "FLOAT_TYPE_NON_STRING",
        "FLOAT_TYPE_UNKNOWN_TYPE_NUMBER",
        "INT_TYPE_INT_EXPECTED",
        "INT_TYPE_NOT_INT_STRING",
        "INT_TYPE_NOT_STRING",
        "INT_TYPE_STRING_EXPECTED",
        "INT_TYPE_UNKNOWN_TYPE_NUMBER",
        "STRING_TYPE_NOW_FLOAT",
        "STRING_TYPE_NOW_INT",
        "UNEXPECTED_DATA_TYPE",
    ),
    "Write 0 and 1, or the texts that the feature's bool_domain names.": (
        "BOOL_TYPE_BIG_INT",
        "BOOL_TYPE_SMALL_INT",
        "BOOL_TYPE_UNEXPECTED_STRING",
        "BOOL_TYPE_UNEXPECTED_FLOAT",
    ),
    _NEW_VALUES: ("ENUM_TYPE_UNEXPECTED_STRING_VALUES",),
    _ENCODING: ("ENUM_TYPE_INVALID_UTF8",),
    _TOO_LOW: ("FLOAT_TYPE_SMALL_FLOAT", "INT_TYPE_SMALL_INT"),
    _TOO_HIGH: ("FLOAT_TYPE_BIG_FLOAT", "INT_TYPE_BIG_INT"),
    "Mend the NaN or infinite values, or drop disallow_nan or disallow_inf in the schema.": (
        "FLOAT_TYPE_HAS_NAN",
        "FLOAT_TYPE_HAS_INF",
    ),
    _MISSING_VALUES: ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "FEATURE_TYPE_LOW_NUMBER_PRESENT"),
    "Add the column to the data; or, if it is gone for good, mark the feature DEPRECATED in the "
    "schema (lifecycle_stage) and stop using it in preprocessing.": (
        "FEATURE_TYPE_NOT_PRESENT",
        "SCHEMA_MISSING_COLUMN",
    ),
    "Add the feature to the schema (ringway schema diff shows how it was inferred), or drop the "
    "column from the data.": ("SCHEMA_NEW_COLUMN",),
    _WRONG_COUNT: (
        "FEATURE_TYPE_HIGH_NUMBER_VALUES",
        "FEATURE_TYPE_LOW_NUMBER_VALUES",
        "FEATURE_TYPE_NO_VALUES",
        "FEATURE_TYPE_UNEXPECTED_REPEATED",
        "VALUE_NESTEDNESS_MISMATCH",
    ),
    "Fill the empty cells, or replace shape by value_count in the schema: a feature with a shape "
    "has to be there in every example.": ("INVALID_FEATURE_SHAPE",),
    _UNIQUE: ("FEATURE_TYPE_HIGH_UNIQUE", "FEATURE_TYPE_LOW_UNIQUE", "FEATURE_TYPE_NO_UNIQUE"),
    _COMPARATOR: (
        "SCHEMA_TRAINING_SERVING_SKEW",
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    ),
    "Give the statistics that the comparator needs on both sides, or drop the comparator from "
    "the schema: nothing was compared.": (
        "COMPARATOR_CONTROL_DATA_MISSING",
        "COMPARATOR_TREATMENT_DATA_MISSING",
        "STATS_NOT_AVAILABLE",
    ),
    _EXAMPLE_COUNT: (
        "COMPARATOR_LOW_NUM_EXAMPLES",
        "COMPARATOR_HIGH_NUM_EXAMPLES",
        "DATASET_LOW_NUM_EXAMPLES",
        "DATASET_HIGH_NUM_EXAMPLES",
    ),
    _NO_DATA: ("NO_DATA_IN_SPAN",),
    _SPARSE: (
        "SPARSE_FEATURE_MISSING_VALUE",
        "SPARSE_FEATURE_MISSING_INDEX",
        "SPARSE_FEATURE_LENGTH_MISMATCH",
        "SPARSE_FEATURE_NAME_COLLISION",
    ),
    _WEIGHTED: (
        "WEIGHTED_FEATURE_NAME_COLLISION",
        "WEIGHTED_FEATURE_MISSING_VALUE",
        "WEIGHTED_FEATURE_MISSING_WEIGHT",
        "WEIGHTED_FEATURE_LENGTH_MISMATCH",
    ),
    "Look whether the meaning of the feature changed; if so, change its domain in the schema.": (
        "SEMANTIC_DOMAIN_UPDATE",
    ),
    _SCHEMA_WRONG: (
        "BOOL_TYPE_INVALID_CONFIG",
        "DOMAIN_INVALID_FOR_TYPE",
        "FEATURE_MISSING_NAME",
        "FEATURE_MISSING_TYPE",
        "INVALID_SCHEMA_SPECIFICATION",
        "INVALID_DOMAIN_SPECIFICATION",
    ),
    _SEQUENCE: (
        "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
        "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
        "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
        "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
        "FEATURE_COVERAGE_TOO_LOW",
        "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
        "NLP_WRONG_LOCATION",
    ),
    "Give the embeddings the length that float_domain.embedding_dim says, or change that.": (
        "EMBEDDING_SHAPE_INVALID",
    ),
    _IMAGE: ("LOW_SUPPORTED_IMAGE_FRACTION", "MAX_IMAGE_BYTE_SIZE_EXCEEDED"),
    _DERIVED: ("DERIVED_FEATURE_BAD_LIFECYCLE", "DERIVED_FEATURE_INVALID_SOURCE"),
    "Mend the data, or change the rule among the custom validations that the description names.": (
        "CUSTOM_VALIDATION",
    ),
}


def _by_type() -> Iterator[tuple[int, str]]:
    for remedy, kinds in _REMEDIES.items():
        for kind in kinds:
            yield anomalies_pb2.AnomalyInfo.Type.Value(kind), remedy


_BY_TYPE = dict(_by_type())


def remedy_for(anomaly_type: int) -> str:
    """Returns what to do about an anomaly.

    Args:
        anomaly_type: A value of `AnomalyInfo.Type`; one that a later TFDV brings gets the
            remedy of UNKNOWN_TYPE.
    """
    return _BY_TYPE.get(anomaly_type, _BY_TYPE[anomalies_pb2.AnomalyInfo.UNKNOWN_TYPE])
