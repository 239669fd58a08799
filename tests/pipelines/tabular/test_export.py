from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from pipelines.tabular import columns, export, network
from pipelines.taxi.features import COLUMNS
from pipelines.taxi.task import TASK

if TYPE_CHECKING:
    from transformed_rows import Row, Transformed

SIGNATURES = (
    columns.SERVING_DEFAULT,
    columns.SERVING_TENSORS,
    columns.REGRESSION,
    columns.CLASSIFICATION,
    columns.TRANSFORM_FEATURES,
)


@pytest.fixture(scope="module")
def exported(trips: Transformed, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """Returns the folder of an exported model, and the Keras model that it was made from."""
    rows = trips.stacked(COLUMNS)
    trained = network.train(TASK, rows, schedule=network.Schedule(epochs=2, batch_size=64, seed=0))
    folder = tmp_path_factory.mktemp("exported") / "1"
    export.save(trained, trips.output(), COLUMNS, str(folder))
    return str(folder), trained.predict(rows.inputs(), verbose=0)


def feeds(trips: Transformed, signature: str) -> dict[str, np.ndarray]:
    if signature in {columns.CLASSIFICATION, columns.REGRESSION}:
        return {"inputs": np.array(trips.examples, dtype=object)}
    if signature != columns.SERVING_TENSORS:
        return {"examples": np.array(trips.examples, dtype=object)}
    return {name: column(trips.rows, name) for name in COLUMNS.inputs}


def column(rows: list[Row], name: str) -> np.ndarray:
    missing = "" if name == "company" else 0
    values = [row.get(name, missing) for row in rows]
    dtype = {str: object, float: np.float32, int: np.int64}[type(values[0])]
    return np.array(values, dtype=dtype)


def by_tf2(folder: str, signature: str, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    function = tf.saved_model.load(folder).signatures[signature]
    outputs = function(**{name: tf.constant(values) for name, values in feed.items()})
    return {name: output.numpy() for name, output in outputs.items()}


def by_tf1(folder: str, signature: str, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        definition = graph.signature_def[signature]
        fetches = {name: info.name for name, info in definition.outputs.items()}
        values = {definition.inputs[name].name: value for name, value in feed.items()}
        result: dict[str, np.ndarray] = session.run(fetches, values)
        return result


@pytest.mark.parametrize("signature", SIGNATURES)
def test_both_loaders_give_the_same_outputs(
    exported: tuple[str, Any], trips: Transformed, signature: str
) -> None:
    folder, _ = exported
    feed = feeds(trips, signature)

    newer, older = by_tf2(folder, signature, feed), by_tf1(folder, signature, feed)

    assert newer.keys() == older.keys()
    for name, values in newer.items():
        if values.dtype == object:
            np.testing.assert_array_equal(older[name], values)
        else:
            np.testing.assert_allclose(older[name], values, rtol=1e-6)


@pytest.mark.parametrize("signature", SIGNATURES[:3])
def test_the_export_predicts_what_the_trained_model_does(
    exported: tuple[str, Any], trips: Transformed, signature: str
) -> None:
    folder, predictions = exported

    outputs = by_tf2(folder, signature, feeds(trips, signature))

    assert list(outputs) == [export.PREDICTION]
    np.testing.assert_allclose(outputs[export.PREDICTION], predictions, rtol=1e-5)


def test_classification_gives_both_classes_with_their_probabilities(
    exported: tuple[str, Any], trips: Transformed
) -> None:
    folder, predictions = exported

    outputs = by_tf2(folder, columns.CLASSIFICATION, feeds(trips, columns.CLASSIFICATION))

    assert outputs["classes"].tolist() == [[b"0", b"1"]] * len(trips.examples)
    np.testing.assert_allclose(outputs["scores"][:, 1:], predictions, rtol=1e-5)
    np.testing.assert_allclose(outputs["scores"].sum(axis=1), 1, rtol=1e-6)


def test_transform_features_gives_what_transform_gave(
    exported: tuple[str, Any], trips: Transformed
) -> None:
    folder, _ = exported

    outputs = by_tf2(folder, columns.TRANSFORM_FEATURES, feeds(trips, columns.TRANSFORM_FEATURES))

    assert outputs.keys() == trips.values.keys()
    for name, values in trips.values.items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-6)


def test_a_prediction_needs_neither_the_label_nor_the_unused_columns(
    exported: tuple[str, Any], trips: Transformed
) -> None:
    folder, predictions = exported
    example = tf.train.Example.FromString(trips.examples[0])
    for name in (*COLUMNS.unused, COLUMNS.label):
        example.features.feature.pop(name, None)

    outputs = by_tf2(
        folder,
        columns.SERVING_DEFAULT,
        {"examples": np.array([example.SerializeToString()], dtype=object)},
    )

    np.testing.assert_allclose(outputs[export.PREDICTION], predictions[:1], rtol=1e-5)


def test_an_empty_batch_gives_no_predictions(exported: tuple[str, Any]) -> None:
    folder, _ = exported

    outputs = by_tf2(folder, columns.SERVING_DEFAULT, {"examples": np.array([], dtype=object)})

    assert outputs[export.PREDICTION].shape == (0, 1)


def test_features_that_no_column_names_are_ignored(
    exported: tuple[str, Any], trips: Transformed
) -> None:
    folder, predictions = exported
    example = tf.train.Example.FromString(trips.examples[0])
    example.features.feature["trip_id"].bytes_list.value.append(b"d1b2")
    example.features.feature["drivers"].int64_list.value.extend([7, 9])

    outputs = by_tf2(
        folder,
        columns.SERVING_DEFAULT,
        {"examples": np.array([example.SerializeToString()], dtype=object)},
    )

    np.testing.assert_allclose(outputs[export.PREDICTION], predictions[:1], rtol=1e-5)
