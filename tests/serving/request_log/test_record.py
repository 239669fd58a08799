from __future__ import annotations

import pytest
from request_log_records import NOW, predict_messages, record

from serving.request_log.record import LOG_FIELDS, prediction_log, record_maker
from serving.wire import messages

MESSAGES = {
    "predict": (messages.PredictRequest, messages.PredictResponse),
    "classify": (messages.ClassificationRequest, messages.ClassificationResponse),
    "regress": (messages.RegressionRequest, messages.RegressionResponse),
    "multi_inference": (messages.MultiInferenceRequest, messages.MultiInferenceResponse),
}


def answered(method: str):
    """Makes a request that names no version, and an answer by version 7."""
    request_class, response_class = MESSAGES[method]
    request, response = request_class(), response_class()
    asked, spec = request, response
    if method == "multi_inference":
        asked, spec = request.tasks.add(), response.results.add()
    asked.model_spec.name = spec.model_spec.name = "m"
    spec.model_spec.version.value = 7
    return request, response


def test_every_kind_of_call_has_a_field():
    assert LOG_FIELDS.keys() == MESSAGES.keys()


@pytest.mark.parametrize("method", MESSAGES)
def test_a_record_holds_the_call_and_what_answered(method):
    request, response = answered(method)
    made = prediction_log(
        method, request, response, request_id="id-1", now=1700000000.9, sampling_rate=0.5
    )
    assert made.WhichOneof("log_type") == f"{method}_log"
    content = getattr(made, f"{method}_log")
    assert content.request == request
    assert content.response == response
    metadata = made.log_metadata
    assert (metadata.model_spec.name, metadata.model_spec.version.value) == ("m", 7)
    assert metadata.request_id == "id-1"
    assert metadata.timestamp_secs == 1700000000
    assert metadata.sampling_config.sampling_rate == 0.5


def test_another_spec_may_be_named():
    request, response = predict_messages()
    spec = messages.ModelSpec(name="m", version_label="stable")
    made = prediction_log(
        "predict", request, response,
        request_id="", now=0, sampling_rate=1, model_spec=spec,
    )  # fmt: skip
    assert made.log_metadata.model_spec == spec


def test_an_empty_answer_to_many_tasks_has_no_spec():
    request, response = messages.MultiInferenceRequest(), messages.MultiInferenceResponse()
    made = prediction_log(
        "multi_inference", request, response, request_id="a", now=0, sampling_rate=1
    )
    assert made.log_metadata.model_spec.name == ""


def test_a_maker_makes_the_same_bytes():
    request, response = predict_messages()
    make = record_maker("predict", request, response, request_id="id-1", now=NOW, sampling_rate=0.5)
    assert messages.PredictionLog.FromString(make()) == record("id-1", NOW)


def test_messages_of_another_method_are_refused():
    request, response = predict_messages()
    with pytest.raises(TypeError):
        prediction_log("classify", request, response, request_id="a", now=0, sampling_rate=1)
