import math

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.prediction_log_example_gen.plan import kinds_of, typed
from pipelines.errors import UsageError
from pipelines.skew import absent

SCHEMA = text_format.Parse(
    """
    feature { name: "company" type: BYTES }
    feature { name: "area" type: INT }
    feature { name: "fare" type: FLOAT }
    feature { name: "any" }
    """,
    schema_pb2.Schema(),
)


def test_texts_and_floats_have_defaults():
    found = absent.values(SCHEMA, ())
    assert found.pop("company") == ""
    assert math.isnan(float(found.pop("fare")))
    assert not found


def test_what_is_configured_comes_first_and_fits_the_schema():
    found = absent.values(SCHEMA, (("area", 0.0), ("fare", -1.0), ("company", "none")))
    assert found == {"area": 0, "fare": -1.0, "company": "none"}
    assert typed(found, kinds_of(SCHEMA)) == {"area": 0, "fare": -1.0, "company": b"none"}


def test_a_feature_that_is_not_there_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="'areas'") as refusal:
        absent.values(SCHEMA, (("areas", 0.0),))
    assert "company" in refusal.value.remedy
