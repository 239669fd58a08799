"""The functions that Trainer and Tuner call, over made-up departures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import transformed_rows
from flights_rows import many_rows
from tensorflow_metadata.proto.v0 import schema_pb2
from transformed_rows import Row, Transformed

from pipelines.flights import model, preprocessing, tuning
from pipelines.flights.features import COLUMNS
from pipelines.tabular.columns import SERVING_DEFAULT, SERVING_TENSORS, TRANSFORM_FEATURES

# KerasTuner calls threads by their old names.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")


@pytest.fixture(scope="module")
def departures(schema: schema_pb2.Schema, tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    folder = tmp_path_factory.mktemp("transform")
    return transformed_rows.transform(
        many_rows(300), schema, preprocessing.preprocessing_fn, folder
    )


@pytest.fixture(scope="module")
def signatures(departures: Transformed, tmp_path_factory: pytest.TempPathFactory) -> Any:
    fn_args = transformed_rows.make_fn_args(departures, tmp_path_factory.mktemp("trained"))
    model.run_fn(fn_args)
    return tf.saved_model.load(fn_args.serving_model_dir).signatures


def test_requests_may_carry_more_than_the_model_reads(
    departures: Transformed, signatures: Any
) -> None:
    needed = [
        transformed_rows.to_example({name: row[name] for name in COLUMNS.inputs if name in row})
        for row in departures.rows
    ]

    with_more = signatures[SERVING_DEFAULT](examples=tf.constant(departures.examples))
    without = signatures[SERVING_DEFAULT](examples=tf.constant(needed))

    assert len(set(with_more["outputs"].numpy().reshape(-1).tolist())) > 200
    np.testing.assert_array_equal(with_more["outputs"], without["outputs"])


def test_what_is_missing_is_the_same_in_tensors_and_in_examples(
    departures: Transformed, signatures: Any
) -> None:
    columns = {name: column(departures.rows, name) for name in COLUMNS.inputs}

    of_tensors = signatures[SERVING_TENSORS](**columns)
    of_examples = signatures[SERVING_DEFAULT](examples=tf.constant(departures.examples))

    np.testing.assert_allclose(of_tensors["outputs"], of_examples["outputs"], rtol=1e-5)


def test_the_label_is_made_by_the_model_itself(departures: Transformed, signatures: Any) -> None:
    made = signatures[TRANSFORM_FEATURES](examples=tf.constant(departures.examples))

    late = [int(row["arr_delay"] > 15) for row in departures.rows]
    assert made["arr_delay_xf"].numpy().reshape(-1).tolist() == late


def test_a_search_finds_a_best(departures: Transformed, tmp_path: Path) -> None:
    fn_args = transformed_rows.make_fn_args(
        departures, tmp_path, tuner={"algorithm": "random", "max_trials": 1, "epochs": 1}
    )

    result = tuning.tuner_fn(fn_args)
    result.tuner.search(**result.fit_kwargs)

    assert len(result.tuner.get_best_hyperparameters()) == 1


def column(rows: list[Row], name: str) -> tf.Tensor:
    (kind,) = {type(row[name]) for row in rows if name in row}
    missing: dict[type, Any] = {str: "", float: math.nan, int: 0}
    dtypes = {str: tf.string, float: tf.float32, int: tf.int64}
    return tf.constant([row.get(name, missing[kind]) for row in rows], dtypes[kind])
