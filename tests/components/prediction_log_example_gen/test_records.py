"""Records to tf.Examples: each kind of thing that can be amiss, and any bytes at all."""

from __future__ import annotations

import dataclasses
from typing import Any

import log_gen_records as logs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.prediction_log_example_gen import windows
from components.prediction_log_example_gen.plan import Plan, kinds_of
from components.prediction_log_example_gen.records import Made, Place, made_of
from components.prediction_log_example_gen.tally import Tally, as_tree
from serving.wire import messages

PLACE = Place("shard", logs.START, 99)
BEFORE = Place("earlier shard", logs.START - 10, 0)
PLAN = Plan(
    windows.of_span(logs.HOUR, logs.SPAN),
    kinds_of(logs.SCHEMA),
    {"company": b"", "area": 0, "fare": float("nan")},
)
RECORD = logs.content("predict", logs.taxi_rows([5.0, 6.0]))
WHAT_BECOMES = (
    "used", "not_readable", "other_model", "late", "after", "of_neighbours",
)  # fmt: skip


def made(content: bytes, place: Place = PLACE, **plan: Any) -> tuple[Made | None, dict[str, Any]]:
    tally = Tally()
    found = made_of(content, place, dataclasses.replace(PLAN, **plan), tally)
    return found, as_tree(tally)


def rows(content: bytes, **plan: Any) -> list[dict[str, Any]]:
    found, _ = made(content, **plan)
    assert found is not None
    return [logs.values(example) for _, example, _ in found.rows]


def changed(**metadata: Any) -> bytes:
    record = messages.PredictionLog.FromString(RECORD)
    for name, value in metadata.items():
        setattr(record.log_metadata, name, value)
    return record.SerializeToString()


@pytest.mark.parametrize(
    ("seconds", "place", "what"),
    [
        (logs.START, PLACE, "used"),
        (logs.START + logs.HOUR - 1, PLACE, "used"),
        (logs.START - 1, PLACE, "late"),
        (logs.START + logs.HOUR, PLACE, "after"),
        (logs.START + 5, BEFORE, "used"),
        (logs.START - 5, BEFORE, "of_neighbours"),
        (logs.START + logs.HOUR, BEFORE, "of_neighbours"),
        (-(2**63), PLACE, "late"),
    ],
)
def test_a_record_belongs_to_the_window_of_its_time(seconds: int, place: Place, what: str) -> None:
    found, report = made(changed(timestamp_secs=seconds), place)
    assert report["records"] == {"found": 1, what: 1}
    assert (found is not None) == (what == "used")


def test_other_models_are_left_out_when_one_is_asked_for() -> None:
    assert made(RECORD, model_name="flights")[1]["records"] == {"found": 1, "other_model": 1}
    assert made(RECORD, model_name="taxi")[1]["records"] == {"found": 1, "used": 1}


def test_what_is_no_prediction_log_is_counted_with_its_place() -> None:
    found, report = made(b"\xff")
    assert found is None
    assert report["records"] == {"found": 1, "not_readable": 1}
    assert report["examples"] == {"records / not_readable": ["shard at byte 99: no PredictionLog"]}


@pytest.mark.parametrize("field", ["session_run_log", "predict_streamed_log", None])
def test_other_kinds_of_logs_are_counted(field: str | None) -> None:
    record = messages.PredictionLog.FromString(RECORD)
    record.ClearField("predict_log")
    if field:
        getattr(record, field).SetInParent()
    _, report = made(record.SerializeToString())
    assert report["records"] == {"found": 1, "not_readable": 1}
    assert f"received {field}" in report["examples"]["records / not_readable"][0]


def test_values_that_stand_for_none_give_no_value() -> None:
    [row] = rows(logs.content("predict", logs.taxi_rows([float("nan")], company=b"", area=0)))
    assert (row["company"], row["area"], row["fare"]) == (None, None, None)
    [row] = rows(logs.content("predict", logs.taxi_rows([0.0])))
    assert row["fare"] == [0.0]


def test_nothing_stands_for_none_in_an_example() -> None:
    example = logs.example(company=b"", area=0)
    [row] = rows(logs.content("predict", logs.serialized([example], [0.5])))
    assert (row["company"], row["area"]) == ([b""], [0])
    assert "fare" not in row


def test_columns_that_the_schema_does_not_know_are_kept_and_counted() -> None:
    pair = logs.predict({"miles": np.array([2]), "fare": np.array([1.0])}, {})
    found, report = made(logs.content("predict", pair))
    assert found is not None
    assert logs.values(found.rows[0][1])["miles"] == [2]
    assert report["unknown_columns"] == {"miles": {"INT": 1}}


def test_a_caller_cannot_set_an_extra_column() -> None:
    pair = logs.predict({"ringway_row": np.array([5]), "area": np.array([1])}, {})
    found, report = made(logs.content("predict", pair))
    assert found is not None
    assert logs.values(found.rows[0][1])["ringway_row"] == [0]
    assert report["reserved_columns"] == {"ringway_row": 1}


def test_one_bad_value_leaves_the_rest_of_the_row() -> None:
    pair = logs.predict({"company": np.array([1.5, 2.5]), "area": np.array([3, 4])}, {})
    found, report = made(logs.content("predict", pair))
    assert found is not None
    assert [logs.values(text)["area"] for _, text, _ in found.rows] == [[3], [4]]
    assert [logs.values(text)["company"] for _, text, _ in found.rows] == [None, None]
    assert report["values"] == {"not_cast": 2}
    assert report["not_cast"] == {"company": {"FLOAT to BYTES": 2}}


def test_a_prediction_that_is_not_by_row_is_counted_and_the_inputs_kept() -> None:
    pair = logs.predict({"area": np.array([3, 4])}, {"mean": np.array(0.5)})
    found, report = made(logs.content("predict", pair))
    assert found is not None
    assert len(found.rows) == 2
    assert report["predictions"] == {"not_readable": 2}


def test_several_outputs_need_a_name() -> None:
    pair = logs.predict({"area": np.array([3])}, {"a": np.array([1]), "b": np.array([b"x"])})
    content = logs.content("predict", pair)
    [row] = rows(content)
    assert "ringway_prediction" not in row
    assert (row["ringway_prediction_a"], row["ringway_prediction_b"]) == ([1], [b"x"])
    assert made(content)[1]["predictions"] == {"not_found": 1}
    [row] = rows(content, prediction_output="b")
    assert (row["ringway_prediction"], row["ringway_prediction_a"]) == ([b"x"], [1])


def test_records_of_one_request_to_one_model_have_one_key() -> None:
    def key(content: bytes, place: Place = PLACE) -> bytes:
        found, _ = made(content, place)
        assert found is not None
        return found.key

    other = messages.PredictionLog.FromString(RECORD)
    other.log_metadata.model_spec.name = "flights"
    assert key(RECORD) == key(RECORD, BEFORE) == key(changed(timestamp_secs=logs.START))
    assert key(RECORD) != key(changed(request_id="other"))
    assert key(RECORD) != key(other.SerializeToString())


def test_records_without_an_id_are_never_duplicates() -> None:
    first, report = made(changed(request_id=""))
    second, _ = made(changed(request_id=""), BEFORE)
    assert first is not None
    assert second is not None
    assert first.key != second.key
    assert report["without_request_id"] == {"records": 1}


def test_a_version_that_is_not_known_is_not_made_up() -> None:
    record = messages.PredictionLog.FromString(RECORD)
    record.log_metadata.model_spec.ClearField("version")
    [first, _] = rows(record.SerializeToString())
    assert "ringway_model_version" not in first
    assert made(record.SerializeToString())[1]["model_versions"] == {"taxi": {"unknown": 1}}


def test_the_same_record_gives_the_same_bytes() -> None:
    assert made(RECORD) == made(RECORD)


CONTENTS = [
    RECORD,
    logs.content("predict", logs.serialized([logs.example(fare=1.0, company=b"a")], [0.5])),
    logs.content("classify", logs.classify([logs.example(fare=1.0)], [0.5])),
    logs.content("regress", logs.regress([logs.example()], logs.example(area=1), [0.5])),
    logs.content("multi_inference", logs.multi_inference([logs.example(area=1)], [0.5])),
]


def check_counted_once(content: bytes) -> None:
    found, report = made(content)
    records = report["records"]
    assert records.pop("found") == 1
    assert sum(records.values()) == 1
    assert records.keys() <= set(WHAT_BECOMES)
    assert (found is not None) == ("used" in records)
    if found:
        counts = report.get("rows", {})
        assert counts["found"] == len(found.rows) + counts.get("not_readable", 0)
        for _, example, _ in found.rows:
            messages.Example.FromString(example)


@given(st.binary(max_size=400))
def test_any_bytes_are_counted_and_never_raised(content: bytes) -> None:
    check_counted_once(content)


@settings(max_examples=300)
@given(st.data())
def test_a_record_with_changed_bytes_is_counted_and_never_raised(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CONTENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check_counted_once(bytes(content))


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    """Draws TensorProtos, many of which contradict themselves."""
    proto = messages.TensorProto(dtype=draw(st.integers(0, 25)))
    for size in draw(st.lists(st.integers(-1, 4), max_size=3)):
        proto.tensor_shape.dim.add().size = size
    proto.tensor_content = draw(st.sampled_from([b"", b"12345678"]))
    proto.string_val.extend(draw(st.lists(st.binary(max_size=4), max_size=4)))
    proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=4)))
    proto.double_val.extend(draw(st.lists(st.floats(), max_size=4)))
    proto.int64_val.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)))
    proto.uint64_val.extend(draw(st.lists(st.integers(0, 2**64 - 1), max_size=4)))
    proto.half_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)))
    return proto


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["company", "area", "fare", "x", ""]), tensors()), tensors())
def test_any_tensors_are_counted_and_never_raised(inputs: dict[str, Any], output: Any) -> None:
    request, response = messages.PredictRequest(), messages.PredictResponse()
    for name, proto in inputs.items():
        request.inputs[name].CopyFrom(proto)
    response.outputs["y"].CopyFrom(output)
    check_counted_once(logs.content("predict", (request, response)))


def of_arm(arm: str) -> bytes:
    return changed(rollout_id="r1", rollout_arm=arm)


@pytest.mark.parametrize(
    ("arms", "arm", "what"),
    [
        ("answered", "", "used"),
        ("answered", "stable", "used"),
        ("answered", "candidate", "used"),
        ("answered", "shadow", "other_arm"),
        ("shadow", "", "other_arm"),
        ("shadow", "candidate", "other_arm"),
        ("shadow", "shadow", "used"),
        ("all", "", "used"),
        ("all", "shadow", "used"),
    ],
)
def test_a_shadow_s_answer_is_told_from_those_that_callers_got(
    arms: str, arm: str, what: str
) -> None:
    assert made(of_arm(arm), arms=arms)[1]["records"] == {"found": 1, what: 1}


def test_a_shadow_s_answer_is_no_duplicate() -> None:
    keys = {arm: made(of_arm(arm), arms="all")[0] for arm in ("", "stable", "candidate", "shadow")}
    found = {arm: one.key for arm, one in keys.items() if one is not None}
    assert found[""] == found["stable"] == found["candidate"] != found["shadow"]
