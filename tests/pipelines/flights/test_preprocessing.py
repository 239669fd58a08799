from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
import transformed_rows
from flights_rows import make_row
from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.flights import preprocessing
from pipelines.flights.features import COLUMNS
from pipelines.tabular.columns import transformed_name


def test_a_flight_is_late_after_a_quarter_of_an_hour() -> None:
    label = preprocessing.late(tf.constant([-20, 0, 15, 16, 900], tf.int64))

    assert label.dtype == tf.int64
    assert label.numpy().tolist() == [0, 0, 0, 1, 1]


def test_a_small_table_is_transformed_as_computed_by_hand(
    schema: schema_pb2.Schema, tmp_path: Path
) -> None:
    # With 16 + 2 buckets and a temperature for each of 181 rows the edges are every tenth row.
    rows = [make_row(weather_temp=float(degree)) for degree in range(-60, 121)]
    del rows[0]["weather_temp"]
    for index in range(0, 181, 2):
        del rows[index]["weather_wind_gust"]
    rows[1] |= {"carrier": "US", "dest": "???", "weekday": 7, "hour": 23, "arr_delay": 15}
    for name in ("plane_year", "plane_seats"):
        del rows[2][name]

    values = transformed_rows.transform(
        rows, schema, preprocessing.preprocessing_fn, tmp_path
    ).values

    assert set(values) == {transformed_name(name) for name in (*COLUMNS.inputs, COLUMNS.label)}
    places = values["weather_temp_xf"]
    assert (np.diff(places[1:]) >= 0).all()
    np.testing.assert_allclose(places[90], 0.5, atol=0.04)  # the median, 30 degrees
    np.testing.assert_allclose(places[0], places[116], atol=1e-6)  # 56 degrees stand for no value
    gusts = values["weather_wind_gust_xf"]
    assert set(gusts[1::2].tolist()) == {1.0}
    assert len(set(gusts[::2].tolist())) == 1
    assert gusts[0] < 1
    assert values["plane_year_xf"][2] == values["plane_seats_xf"][2] == 0.0
    second = {name: int(column[1]) for name, column in values.items() if "weather" not in name}
    assert second["carrier_xf"] == 1 + COLUMNS.vocabulary["carrier"].index("US")
    assert (second["dest_xf"], second["origin_xf"]) == (0, 2)
    assert (second["weekday_xf"], second["hour_xf"]) == (7, 23)
    assert values["arr_delay_xf"].tolist() == [1, 0, *[1] * 179]
