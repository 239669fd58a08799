"""Which columns of a departure the model reads, and in what form.

With the label's and the unused ones they are the schema's; their units stand in
`schemas/README.md`.
"""

from typing import Final

from pipelines.tabular.columns import Columns

LABEL: Final = "arr_delay"

# A flight is late when it arrives more than this many minutes after its time.
LATE_MINUTES: Final = 15

# fmt: off
_CARRIERS: Final = (
    "9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA",
    "US", "VX", "WN", "YV",
)
_DESTINATIONS: Final = (
    "ABQ", "ACK", "ALB", "ANC", "ATL", "AUS", "AVL", "BDL", "BGR", "BHM", "BNA", "BOS",
    "BQN", "BTV", "BUF", "BUR", "BWI", "BZN", "CAE", "CAK", "CHO", "CHS", "CLE", "CLT",
    "CMH", "CRW", "CVG", "DAY", "DCA", "DEN", "DFW", "DSM", "DTW", "EGE", "EYW", "FLL",
    "GRR", "GSO", "GSP", "HDN", "HNL", "HOU", "IAD", "IAH", "ILM", "IND", "JAC", "JAX",
    "LAS", "LAX", "LEX", "LGB", "MCI", "MCO", "MDW", "MEM", "MHT", "MIA", "MKE", "MSN",
    "MSP", "MSY", "MTJ", "MVY", "MYR", "OAK", "OKC", "OMA", "ORD", "ORF", "PBI", "PDX",
    "PHL", "PHX", "PIT", "PSE", "PSP", "PVD", "PWM", "RDU", "RIC", "ROC", "RSW", "SAN",
    "SAT", "SAV", "SBN", "SDF", "SEA", "SFO", "SJC", "SJU", "SLC", "SMF", "SNA", "SRQ",
    "STL", "STT", "SYR", "TPA", "TUL", "TVC", "TYS", "XNA",
)
# fmt: on

COLUMNS: Final = Columns(
    label=LABEL,
    # What is often missing gets a value below all others, and so buckets of its own: no gusts are
    # reported when there are none, no direction when it varies, and a tenth of the pressures and a
    # sixth of the planes are not known. What is seldom missing gets a usual value: 0 °F would be a
    # very cold day.
    numeric={
        "sched_dep_minute": 0.0,
        "sched_arr_minute": 0.0,
        "distance": 0.0,
        "weather_temp": 56.0,
        "weather_dewp": 43.0,
        "weather_humid": 60.0,
        "weather_wind_dir": 0.0,
        "weather_wind_speed": 10.0,
        "weather_wind_gust": 0.0,
        "weather_precip": 0.0,
        "weather_pressure": 0.0,
        "weather_visib": 10.0,
        "plane_year": 0.0,
        "plane_seats": 0.0,
    },
    # The schema's domains hold the same terms. Others, such as a new airline, get the id 0.
    vocabulary={
        "origin": ("EWR", "JFK", "LGA"),
        "carrier": _CARRIERS,
        "dest": _DESTINATIONS,
    },
    hashed={},
    identity={"weekday": 8, "hour": 24},  # weekdays 1 to 7
    ordinal=("hour",),
    # Month and day are never those of the rows that are asked for later; 4,000 tail numbers have
    # too few rows each in eight weeks; a plane's model adds next to nothing to its seats and year.
    unused=(
        "flight_id",
        "scheduled_at",
        "month",
        "day",
        "minute",
        "flight",
        "tailnum",
        "plane_type",
        "plane_manufacturer",
        "plane_model",
        "plane_engines",
        "plane_engine",
    ),
    quantile_buckets=16,
)
