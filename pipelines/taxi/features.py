"""Which columns of a taxi trip the model reads, and in what form.

With the label's and the unused ones they are the schema's; their units stand in
`schemas/README.md`.
"""

from typing import Final

from pipelines.tabular.columns import Columns

LABEL: Final = "tips"
FARE: Final = "fare"

# A tip is a big one when it is more than this share of the fare.
BIG_TIP_SHARE: Final = 0.2

COLUMNS: Final = Columns(
    label=LABEL,
    numeric={FARE: 0.0, "trip_miles": 0.0, "trip_seconds": 0.0},
    # The schema's domain holds the same terms. Given here, not learned: a vocabulary analyzer was
    # an eighth of Transform's time, and ids that data cannot reorder keep old and new models alike.
    vocabulary={
        "payment_type": (
            "Cash",
            "Credit Card",
            "Dispute",
            "No Charge",
            "Pcard",
            "Prcard",
            "Unknown",
        )
    },
    hashed={"company": 128},  # companies come and go
    # Weekdays 1 to 7, months 1 to 12, Chicago's 77 community areas.
    identity={
        "trip_start_hour": 24,
        "trip_start_day": 8,
        "trip_start_month": 13,
        "pickup_community_area": 78,
        "dropoff_community_area": 78,
    },
    ordinal=("trip_start_hour", "trip_start_day", "trip_start_month"),
    # The community areas tell the place, hour, day and month the time; the pickup's census tract is
    # nearly always missing.
    unused=(
        "trip_start_timestamp",
        "pickup_latitude",
        "pickup_longitude",
        "dropoff_latitude",
        "dropoff_longitude",
        "pickup_census_tract",
        "dropoff_census_tract",
    ),
    # As many as there are fares that matter: tips are often 1, 2 or 3 dollars, so that "above 20 %"
    # flips at 5, 10 and 15 dollars, and ten coarse buckets would blur that.
    quantile_buckets=32,
)
