"""The models that a replay is compared with: their inputs, and which serves on which day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipelines.flights.features import COLUMNS
from pipelines.replay import comparison
from pipelines.replay.comparison import Request
from pipelines.replay.departures import Departures
from pipelines.tabular import preprocessing


def test_places_are_those_of_transform() -> None:
    generator = np.random.default_rng(2)
    numeric = generator.normal(size=(300, 3)).astype(np.float32)
    numeric[:, 1] = np.round(numeric[:, 1])  # edges that coincide
    edges = comparison.edges(numeric, 16)
    assert edges.shape == (3, 17)
    expected = preprocessing.quantile_places(tf.constant(numeric), tf.constant(edges)).numpy()
    np.testing.assert_allclose(comparison.places(numeric, edges), expected, atol=1e-6)


def test_columns_are_those_of_transform(weeks: Path) -> None:
    departures = Departures.read(weeks, [1])
    found = comparison.raw(departures)
    spec = {
        name: tf.io.VarLenFeature(tf.as_dtype(_type(departures.table[name])))
        for name in COLUMNS.inputs
    }
    parsed = tf.io.parse_example(departures.asked, spec)
    for place, (name, missing) in enumerate(COLUMNS.numeric.items()):
        expected = preprocessing.number(parsed[name], missing)
        np.testing.assert_array_equal(found.numeric[:, place], expected)
    ids = [
        *(
            preprocessing.term_ids(preprocessing.fill_missing(parsed[name]), terms)
            for name, terms in COLUMNS.vocabulary.items()
        ),
        *(
            preprocessing.known_ids(preprocessing.fill_missing(parsed[name]), size)
            for name, size in COLUMNS.identity.items()
        ),
    ]
    np.testing.assert_array_equal(found.ids, np.stack(ids, axis=1))


def _type(column: pa.ChunkedArray) -> str:
    return {"int64": "int64", "float": "float32"}.get(str(column.type), "string")


def test_a_week_serves_from_the_day_after_its_last_labels() -> None:
    # Week 4 ends with day 27, whose labels come on day 28.
    days = np.array([27, 28, 29, 35, 36])
    assert comparison.serving_span(days).tolist() == [3, 3, 4, 4, 5]


def test_computes_both_models_and_keeps_them(weeks: Path, tmp_path: Path) -> None:
    request = Request(
        folder=str(weeks),
        known_spans=(1, 2, 3, 4),
        last_day=44,
        range=52,
        buckets=(4, 1),
        epochs=1,
        batch_size=256,
        seed=0,
        hyperparameters={},
    )
    said: list[str] = []
    found = comparison.compute(request, said.append)
    departures = Departures.read(weeks, range(1, 8))
    asked = (departures.day >= 28) & (departures.day <= 44)
    assert said == ["week 4", "week 5", "week 6"]
    assert np.array_equal(~np.isnan(found.never), asked)
    assert np.array_equal(~np.isnan(found.weekly), asked)
    same = asked & (departures.day <= 35)
    np.testing.assert_array_equal(found.never[same], found.weekly[same])
    assert not np.allclose(found.never[asked & ~same], found.weekly[asked & ~same])
    assert Request.from_json(request.to_json()) == request
    assert comparison.load(tmp_path / "none.npz") is None
