from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from request_log_records import NOW, predict_messages, record

from serving.request_log.record import LOG_FIELDS, record_parts, varint
from serving.wire import messages

MESSAGES = {
    "predict": (messages.PredictRequest, messages.PredictResponse),
    "classify": (messages.ClassificationRequest, messages.ClassificationResponse),
    "regress": (messages.RegressionRequest, messages.RegressionResponse),
    "multi_inference": (messages.MultiInferenceRequest, messages.MultiInferenceResponse),
}
SPEC = messages.ModelSpec(name="m", version={"value": 7}, signature_name="serving_default")


def joined(method: str, request: bytes, response: bytes, **others: Any) -> bytes:
    usual = {"request_id": "id-1", "now": NOW, "sampling_rate": 0.5, **others}
    spec = SPEC.SerializeToString()
    return b"".join(record_parts(method, request, response, **{"model_spec": spec, **usual}))


def parsed(*arguments: Any, **others: Any) -> Any:
    return messages.PredictionLog.FromString(joined(*arguments, **others))


def answered(method: str) -> tuple[Any, Any]:
    """Makes a request that names no version, and an answer by version 7."""
    request_class, response_class = MESSAGES[method]
    request, response = request_class(), response_class()
    asked, spec = request, response
    if method == "multi_inference":
        asked, spec = request.tasks.add(), response.results.add()
    asked.model_spec.name = "m"
    spec.model_spec.CopyFrom(SPEC)
    return request, response


def test_every_kind_of_call_has_a_field():
    assert LOG_FIELDS.keys() == MESSAGES.keys()


def test_a_record_is_what_protobuf_makes_of_the_message():
    request, response = predict_messages()
    made = joined("predict", request.SerializeToString(), response.SerializeToString())
    assert made == record("id-1", NOW).SerializeToString()


@pytest.mark.parametrize("method", MESSAGES)
def test_a_record_holds_the_call_and_what_answered(method):
    request, response = answered(method)
    made = parsed(
        method, request.SerializeToString(), response.SerializeToString(), now=1700000000.9
    )
    expected = messages.PredictionLog(
        log_metadata={
            "model_spec": SPEC,
            "sampling_config": {"sampling_rate": 0.5},
            "timestamp_secs": 1700000000,
            "request_id": "id-1",
        },
        **{f"{method}_log": {"request": request, "response": response}},
    )
    assert made == expected


# Lengths whose varints have one, two, three and four bytes, and those that are not copied.
@settings(max_examples=300, deadline=None)
@given(
    sizes=st.tuples(*[st.sampled_from([0, 1, 60, 126, 127, 128, 16_300, 16_384, 2_100_000])] * 2),
    name=st.text(max_size=200),
    request_id=st.text(st.characters(codec="utf-8"), max_size=200),
    now=st.floats(-10, 4e9),
    rate=st.floats(0, 1),
)
def test_records_of_any_size_are_what_protobuf_makes(sizes, name, request_id, now, rate):
    name = name.encode(errors="ignore").decode()
    expected = messages.PredictionLog()
    metadata, content = expected.log_metadata, expected.predict_log
    metadata.model_spec.name = name
    metadata.sampling_config.sampling_rate = rate
    metadata.timestamp_secs = int(now)
    metadata.request_id = request_id
    content.request.inputs["x"].tensor_content = bytes(sizes[0])
    content.response.outputs["y"].tensor_content = bytes(sizes[1])
    made = parsed(
        "predict",
        content.request.SerializeToString(),
        content.response.SerializeToString(),
        model_spec=metadata.model_spec.SerializeToString(),
        request_id=request_id,
        now=now,
        sampling_rate=rate,
    )
    assert made == expected


def test_empty_messages_are_there_though_empty():
    made = parsed("multi_inference", b"", b"", model_spec=b"", request_id="")
    assert made.multi_inference_log.HasField("request")
    assert made.multi_inference_log.HasField("response")
    assert made.log_metadata.HasField("model_spec")
    assert made.log_metadata.request_id == ""


def test_what_a_newer_caller_sent_is_kept():
    request, response = predict_messages()
    unknown = bytes.fromhex("c23e 03") + b"new"  # field 1000, of three bytes
    made = parsed("predict", request.SerializeToString() + unknown, response.SerializeToString())
    assert made.predict_log.request.SerializeToString() == request.SerializeToString() + unknown


def test_large_messages_are_not_copied():
    request, response = bytes(20_000), bytes(10)
    parts = record_parts(
        "predict", request, response, model_spec=b"", request_id="a", now=NOW, sampling_rate=1.0
    )
    assert any(part is request for part in parts)


def test_the_next_second_and_another_model_are_told_apart():
    other = messages.ModelSpec(name="n", version={"value": 8})
    first, later, elsewhere = (
        parsed("predict", b"", b"", **changed).log_metadata
        for changed in ({}, {"now": NOW + 1}, {"model_spec": other.SerializeToString()})
    )
    assert later.timestamp_secs == first.timestamp_secs + 1
    assert (first.model_spec, elsewhere.model_spec) == (SPEC, other)


# Those of 150 and -2 stand in protobuf's own documentation.
@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "80 01"),
        (150, "96 01"),
        (16_383, "ff 7f"),
        (16_384, "80 80 01"),
        (2**63 - 1, "ff ff ff ff ff ff ff ff 7f"),
        (-2, "fe ff ff ff ff ff ff ff ff 01"),
    ],
)
def test_integers_are_written_as_protobuf_does(value, written):
    assert varint(value) == bytes.fromhex(written)


def test_a_call_in_a_rollout_tells_which_arm_answered():
    told = parsed("predict", b"", b"", rollout=("flights-12", "shadow")).log_metadata
    untold = parsed("predict", b"", b"").log_metadata
    assert (told.rollout_id, told.rollout_arm) == ("flights-12", "shadow")
    assert (untold.rollout_id, untold.rollout_arm) == ("", "")
    told.ClearField("rollout_id")
    told.ClearField("rollout_arm")
    assert told == untold


def test_an_unknown_method_is_refused():
    with pytest.raises(KeyError):
        joined("guess", b"", b"")
