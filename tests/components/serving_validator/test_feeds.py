import numpy as np
import pytest
from google.protobuf.message import DecodeError

from components.serving_validator.feeds import make_feeds
from serving.client.examples import serialize
from serving.wire.specs import Signature, TensorSpec
from serving.wire.tensors import DT_BFLOAT16, DT_DOUBLE, DT_FLOAT, DT_INT8, DT_INT64, DT_STRING

ROWS = [
    {"fare": 1.5, "hour": 7, "company": "A\0", "pair": [1.0, 2.0]},
    {"fare": 2.5, "hour": 300, "pair": [3.0, 4.0]},
]


def signature(**inputs: tuple[int, tuple[int, ...] | None]) -> Signature:
    specs = {name: TensorSpec(*spec) for name, spec in inputs.items()}
    return Signature("s", specs, {}, "tensorflow/serving/predict")


def fed(**inputs: tuple[int, tuple[int, ...] | None]) -> dict[str, np.ndarray]:
    [feed], left_out = make_feeds({"s": signature(**inputs)}, serialize(ROWS))
    assert not left_out
    assert len(feed) == len(ROWS)
    return dict(feed.inputs)


def refusal(**inputs: tuple[int, tuple[int, ...] | None]) -> str:
    feeds, left_out = make_feeds({"s": signature(**inputs)}, serialize(ROWS))
    assert not feeds
    return left_out["s"]


@pytest.mark.parametrize("shape", [(-1,), None])
def test_a_vector_of_texts_takes_the_examples_themselves(shape) -> None:
    inputs = fed(anything=(DT_STRING, shape))
    assert inputs["anything"].tolist() == serialize(ROWS)


def test_a_text_named_as_a_column_takes_the_column() -> None:
    company = fed(company=(DT_STRING, (-1,)))["company"]
    assert company.tolist() == [b"A\0", b""]  # the second has none
    assert company.dtype == object


def test_columns_take_the_types_and_shapes_that_the_signature_wants() -> None:
    inputs = fed(
        fare=(DT_DOUBLE, (-1,)),
        hour=(DT_FLOAT, (-1, 1)),
        pair=(DT_FLOAT, (-1, 2)),
        company=(DT_STRING, (-1, 1)),
    )
    assert inputs["fare"].dtype == np.float64
    assert inputs["fare"].tolist() == [1.5, 2.5]
    assert inputs["hour"].tolist() == [[7.0], [300.0]]
    assert inputs["pair"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert inputs["company"].tolist() == [[b"A\0"], [b""]]
    assert fed(hour=(DT_INT64, (-1,)))["hour"].dtype == np.int64
    assert fed(hour=(DT_BFLOAT16, (-1,)))["hour"].tolist() == [7.0, 300.0]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "it takes no inputs"),
        ({"weight": (DT_FLOAT, (-1,))}, "no example has a value for its input 'weight'"),
        ({"fare": (DT_INT64, (-1,))}, "'fare' is of type int64, and the column is a float_list"),
        ({"hour": (DT_STRING, (-1,))}, "'hour' is of type string, and the column is a int64_list"),
        ({"fare": (DT_FLOAT, (2,))}, "'fare' is of shape [2]"),
        ({"fare": (DT_FLOAT, ())}, "'fare' is of shape []"),
        ({"fare": (DT_FLOAT, (-1, -1))}, "'fare' is of shape [-1, -1]"),
        ({"pair": (DT_FLOAT, (-1,))}, "'pair' takes 1 values of an example, and one has 2"),
        ({"hour": (DT_INT8, (-1,))}, "'hour' of type int8 is too small"),
        ({"fare": (999, (-1,))}, "'fare' is of type unknown type 999"),
    ],
)
def test_what_cannot_be_fed_is_left_out_with_the_reason(inputs, reason) -> None:
    assert reason in refusal(**inputs)


def test_a_signature_that_cannot_be_fed_leaves_the_others_alone() -> None:
    signatures = {
        "b": signature(examples=(DT_STRING, (-1,))),
        "a": signature(fare=(DT_FLOAT, (-1,))),
        "c": signature(weight=(DT_FLOAT, (-1,))),
    }
    feeds, left_out = make_feeds(signatures, serialize(ROWS))
    assert [feed.signature for feed in feeds] == ["a", "b"]
    assert list(left_out) == ["c"]


def test_a_feed_gives_a_single_example() -> None:
    [feed], _ = make_feeds({"s": signature(fare=(DT_FLOAT, (-1, 1)))}, serialize(ROWS))
    assert feed.only(1).inputs["fare"].tolist() == [[2.5]]


def test_bytes_that_are_no_example_are_refused() -> None:
    with pytest.raises(DecodeError):
        make_feeds({}, [b"\xff\xff"])
