"""Which columns of a taxi trip the model reads, and in what form: names and sizes only.

The lists are disjoint and, with `LABEL` and `UNUSED`, cover the schema. What is done with a column
is left to `pipelines.taxi.preprocessing`, the columns' units to `schemas/README.md`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Amounts and lengths, placed among the training data's quantiles.
NUMERIC: Final = ("fare", "trip_miles", "trip_seconds")

# As many as there are fares that matter: tips are often 1, 2 or 3 dollars, so that "above 20 %"
# flips at 5, 10 and 15 dollars, and ten coarse buckets would blur that.
QUANTILE_BUCKETS: Final = 32

# Small integers that are their own ids, with the number of ids. 0 stands for a missing value
# where the values begin at 1: weekdays 1 to 7, months 1 to 12, Chicago's 77 community areas.
IDENTITY: Final[Mapping[str, int]] = MappingProxyType(
    {
        "trip_start_hour": 24,
        "trip_start_day": 8,
        "trip_start_month": 13,
        "pickup_community_area": 78,
        "dropoff_community_area": 78,
    }
)

# Those of them whose order means something: an hour's neighbours resemble it.
ORDINAL: Final = ("trip_start_hour", "trip_start_day", "trip_start_month")

# Strings of a closed set; a term's id is its place, from 1 on, and 0 is for any other value. The
# schema's domain holds the same terms. Given here, not learned: a vocabulary analyzer was an
# eighth of Transform's time, and ids that data cannot reorder keep old and new models alike.
VOCABULARY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "payment_type": (
            "Cash",
            "Credit Card",
            "Dispute",
            "No Charge",
            "Pcard",
            "Prcard",
            "Unknown",
        )
    }
)

# Strings of an open set (companies come and go), by hash, with the number of ids; 0 is for a
# missing value.
HASHED: Final[Mapping[str, int]] = MappingProxyType({"company": 128})

# Number of ids of every categorical feature, in the order in which the model takes them.
CATEGORICAL: Final[Mapping[str, int]] = MappingProxyType(
    {name: len(terms) + 1 for name, terms in VOCABULARY.items()} | {**HASHED, **IDENTITY}
)

# All that a request has to carry.
INPUTS: Final = (*NUMERIC, *CATEGORICAL)

# In the data, and not in the model: the community areas tell the place, hour, day and month the
# time; the pickup's census tract is nearly always missing.
UNUSED: Final = (
    "trip_start_timestamp",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_latitude",
    "dropoff_longitude",
    "pickup_census_tract",
    "dropoff_census_tract",
)

LABEL: Final = "tips"
FARE: Final = "fare"

# A tip is a big one when it is more than this share of the fare.
BIG_TIP_SHARE: Final = 0.2


def transformed_name(column: str) -> str:
    """Returns the name that Transform gives to what it makes of a column."""
    return f"{column}_xf"


TRANSFORMED_LABEL: Final = transformed_name(LABEL)

# Signatures of the exported model; their inputs and outputs stand in `pipelines.taxi.export`.
SERVING_DEFAULT: Final = "serving_default"
SERVING_TENSORS: Final = "serving_tensors"
TRANSFORM_FEATURES: Final = "transform_features"
CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"
