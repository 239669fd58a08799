"""Made-up taxi trips, for the tests of what tabular pipelines share and of the taxi pipeline.

Card payments below 20 dollars are tipped well, others are not, and every seventh row does as it
likes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from transformed_rows import Row

SCHEMA = Path(__file__).parents[2] / "schemas" / "taxi" / "schema.pbtxt"


def make_row(**changes: Any) -> Row:
    """Returns one plausible row, with changes."""
    return {
        "fare": 8.0,
        "trip_miles": 1.5,
        "trip_seconds": 600,
        "payment_type": "Cash",
        "company": "Blue Ribbon Taxi Association Inc.",
        "trip_start_hour": 12,
        "trip_start_day": 3,
        "trip_start_month": 6,
        "trip_start_timestamp": 1_400_000_000,
        "pickup_community_area": 8,
        "dropoff_community_area": 32,
        "tips": 0.0,
    } | changes


def many_rows(count: int) -> list[Row]:
    """Returns rows with both labels; companies and areas are missing here and there."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(count):
        fare = round(float(generator.uniform(3, 40)), 2)
        card = bool(generator.integers(2))
        row = make_row(
            fare=fare,
            trip_miles=round(fare / 3, 1),
            trip_seconds=int(fare * 60),
            payment_type="Credit Card" if card else "Cash",
            company=["", "Blue Ribbon Taxi Association Inc.", f"Owner {index}"][index % 3],
            trip_start_hour=int(generator.integers(24)),
            trip_start_day=int(generator.integers(1, 8)),
            trip_start_month=int(generator.integers(1, 13)),
            tips=0.3 * fare if card and (fare < 20) != (index % 7 == 0) else 0.0,
        )
        if not row["company"]:
            del row["company"], row["dropoff_community_area"]
        rows.append(row)
    return rows
