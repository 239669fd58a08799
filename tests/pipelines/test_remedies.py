"""Remedies for the anomalies that TFDV knows."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from pipelines.remedies import remedy_for

TYPES = anomalies_pb2.AnomalyInfo.Type


@pytest.mark.parametrize(
    "kind", [kind for kind in TYPES.DESCRIPTOR.values_by_name if kind != "UNKNOWN_TYPE"]
)
def test_every_anomaly_has_a_remedy_of_its_own(kind: str) -> None:
    remedy = remedy_for(TYPES.Value(kind))
    assert remedy.endswith(".")
    if kind != "MULTIPLE_REASONS":
        assert remedy != remedy_for(TYPES.Value("UNKNOWN_TYPE"))


def test_an_anomaly_of_a_later_release_gets_the_general_remedy() -> None:
    assert remedy_for(10**6) == remedy_for(TYPES.Value("UNKNOWN_TYPE"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("UNEXPECTED_DATA_TYPE", "'N/A'"),
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "domain"),
        ("SCHEMA_MISSING_COLUMN", "Add the column"),
        ("SCHEMA_NEW_COLUMN", "Add the feature to the schema"),
        ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "empty cells"),
        ("INT_TYPE_SMALL_INT", "below"),
        ("FLOAT_TYPE_BIG_FLOAT", "above"),
        ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "threshold"),
    ],
)
def test_a_remedy_speaks_of_its_anomaly(kind: str, said: str) -> None:
    assert said in remedy_for(TYPES.Value(kind))
