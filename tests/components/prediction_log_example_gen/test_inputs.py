from __future__ import annotations

from typing import Any

import log_gen_records as logs
import numpy as np
import pytest

from components.prediction_log_example_gen.inputs import (
    MAX_VALUES,
    Row,
    UnreadableError,
    column,
    example_rows,
    predict_rows,
)
from serving.wire import messages

FEATURES = {"company", "area", "fare"}


def rows(**inputs: Any) -> list[dict[str, Any]]:
    request, _ = logs.predict({name: np.asarray(array) for name, array in inputs.items()}, {})
    return [plain(row) for row in predict_rows(request, FEATURES)]


def plain(row: Row) -> dict[str, Any]:
    assert row.columns is not None
    return {name: (served.kind, list(served.values)) for name, served in row.columns.items()}


def test_a_batch_is_split_into_rows() -> None:
    found = rows(company=np.array([b"a", b"b\0"], object), area=[1, 2], fare=[[0.5], [1.5]])
    assert found == [
        {"company": ("bytes_list", [b"a"]), "area": ("int64_list", [1]), "fare": floats(0.5)},
        {"company": ("bytes_list", [b"b\0"]), "area": ("int64_list", [2]), "fare": floats(1.5)},
    ]


def floats(*values: float) -> tuple[str, list[float]]:
    return "float_list", list(values)


def test_further_dimensions_are_values_of_the_row() -> None:
    assert rows(fare=np.arange(8.0).reshape(2, 2, 2)) == [
        {"fare": floats(0, 1, 2, 3)},
        {"fare": floats(4, 5, 6, 7)},
    ]


def test_a_scalar_counts_for_every_row() -> None:
    assert [row["area"] for row in rows(area=3, fare=[1.0, 2.0])] == [("int64_list", [3])] * 2
    assert rows(area=3) == [{"area": ("int64_list", [3])}]


def test_no_rows_are_no_rows() -> None:
    assert rows(area=np.zeros([0], np.int64), fare=np.zeros([0, 3])) == []


def test_inputs_of_different_numbers_of_rows_make_no_sense() -> None:
    with pytest.raises(UnreadableError, match=r"rows: \{'area': 1, 'fare': 2\}"):
        rows(area=[1], fare=[1.0, 2.0])


def test_a_request_without_inputs_makes_no_sense() -> None:
    with pytest.raises(UnreadableError, match="without inputs"):
        rows()


def test_complex_numbers_fit_no_feature() -> None:
    with pytest.raises(UnreadableError, match="complex"):
        rows(fare=[1j])


def test_a_tensor_that_announces_too_much_is_not_filled_in_rows() -> None:
    request = messages.PredictRequest()
    tensor = request.inputs["fare"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add().size = MAX_VALUES + 1
    with pytest.raises(UnreadableError, match=f"{MAX_VALUES + 1} values"):
        predict_rows(request, FEATURES)


def test_half_precision_becomes_floats() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    [first] = column(np.array([1.5], bfloat16), 1)
    [second] = column(np.array([1.5], np.float16), 1)
    assert first == second
    assert (first.kind, first.values) == floats(1.5)


def test_the_only_input_holds_examples_where_the_schema_does_not_know_it() -> None:
    request, _ = logs.serialized([logs.example(area=[1, 2], fare=0.5)], [0.0])
    [row] = predict_rows(request, FEATURES)
    assert plain(row) == {"area": ("int64_list", [1, 2]), "fare": floats(0.5)}
    assert not row.from_tensors


def test_the_only_input_is_a_column_where_the_schema_knows_it() -> None:
    serialized = logs.example(area=1).SerializeToString()
    assert rows(company=np.array([serialized], object)) == [
        {"company": ("bytes_list", [serialized])}
    ]


def test_a_text_that_is_no_example_is_a_row_that_cannot_be_read() -> None:
    request, _ = logs.serialized([b"\xff\xff", logs.example(area=1)], [0.0, 0.0])
    broken, whole = predict_rows(request, FEATURES)
    assert broken.columns is None
    assert broken.reason == r"no tf.Example: b'\xff\xff', 2 bytes"
    assert plain(whole) == {"area": ("int64_list", [1])}


def test_an_example_of_its_own_goes_before_the_context() -> None:
    context = logs.example(company=b"all", area=1)
    request, _ = logs.regress([logs.example(area=2), logs.example()], context, [0.0, 0.0])
    first, second = (plain(row) for row in example_rows(request.input))
    assert first == {"company": ("bytes_list", [b"all"]), "area": ("int64_list", [2])}
    assert second == {"company": ("bytes_list", [b"all"]), "area": ("int64_list", [1])}


def test_a_feature_without_a_value_has_none() -> None:
    request, _ = logs.classify([logs.example()], [0.5])
    request.input.example_list.examples[0].features.feature["area"].SetInParent()
    assert [plain(row) for row in example_rows(request.input)] == [{"area": (None, [])}]


def test_an_empty_input_makes_no_sense() -> None:
    with pytest.raises(UnreadableError, match="Input is empty"):
        example_rows(messages.Input())
