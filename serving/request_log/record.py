"""Builds the record of one answered request: TensorFlow Serving's `PredictionLog`.

One field is ours: `log_metadata.request_id`, by which a later label finds the prediction.
TensorFlow Serving's readers pass over it. Which requests are logged, and where, is for others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serving.wire import messages

# Methods of the data plane, and the field of the record that holds them.
LOG_FIELDS = {
    "predict": "predict_log",
    "classify": "classify_log",
    "regress": "regress_log",
    "multi_inference": "multi_inference_log",
}


def resolved_spec(method: str, response: Any) -> Any:
    """Returns the ModelSpec of what answered, with the version that the caller may not have named.

    Args:
        method: A key of `LOG_FIELDS`.
        response: The message that it returned. A MultiInferenceResponse says it once for each
            task; the first stands for all, as they are answered by one model.
    """
    if method == "multi_inference":
        results = response.results
        return results[0].model_spec if results else messages.ModelSpec()
    return response.model_spec


def prediction_log(
    method: str,
    request: Any,
    response: Any,
    *,
    request_id: str,
    now: float,
    sampling_rate: float,
    model_spec: Any = None,
) -> Any:
    """Returns the record of a request and its answer.

    Args:
        method: A key of `LOG_FIELDS`.
        request: The request's message.
        response: The response's message.
        request_id: Joins the record with the answer and a later label.
        now: When it was answered, in seconds since 1970; the record holds whole seconds.
        sampling_rate: Of the log, so that readers can weigh the records.
        model_spec: What answered; taken from the response if left out.

    Raises:
        KeyError: No such method.
        TypeError: The messages are not those of the method.
    """
    record = messages.PredictionLog()
    content = getattr(record, LOG_FIELDS[method])
    content.request.CopyFrom(request)
    content.response.CopyFrom(response)
    metadata = record.log_metadata
    metadata.model_spec.CopyFrom(model_spec or resolved_spec(method, response))
    metadata.sampling_config.sampling_rate = sampling_rate
    metadata.timestamp_secs = int(now)
    metadata.request_id = request_id
    return record


def record_maker(
    method: str,
    request: Any,
    response: Any,
    *,
    request_id: str,
    now: float,
    sampling_rate: float,
    model_spec: Any = None,
) -> Callable[[], bytes]:
    """Returns what `RequestLog.offer` takes: it builds the record when it is called.

    The arguments are those of `prediction_log`; the messages must not change any more.
    """

    def make() -> bytes:
        record = prediction_log(
            method,
            request,
            response,
            request_id=request_id,
            now=now,
            sampling_rate=sampling_rate,
            model_spec=model_spec,
        )
        return bytes(record.SerializeToString())

    return make
