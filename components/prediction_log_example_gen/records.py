"""From the bytes of a log's record to serialized tf.Examples. No I/O, nothing raised.

Whatever is not used is counted, with an example of it. Every record that is found counts as one of:

    used            its rows were read
    corrupt         its bytes don't match their checksum
    not_readable    it is no PredictionLog, of no known kind, or its tensors make no sense
    other_model     it is not of the model that was asked for
    late            it is of before the window, in a shard that began within: when that window was
                    read, the record was not there
    after           it is of after the window: its shard was still open when the window ended
    of_neighbours   it is of another window, in a shard that did not begin in this one
    other_arm       it is a shadow's, and answers to callers were asked for; or the other way round

Every row is written, a duplicate, or not readable. Files are for `shards`, duplicates for
`duplicates`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from google.protobuf.message import DecodeError

from components.prediction_log_example_gen import examples, inputs, keys, outputs
from components.prediction_log_example_gen.inputs import Row, Served, UnreadableError
from components.prediction_log_example_gen.plan import Plan
from components.prediction_log_example_gen.tally import Tally
from serving.wire.messages import PredictionLog


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a record was found.

    Attributes:
        shard: The file's name.
        started: When the shard began, in seconds since 1970, as its name says.
        offset: Where the record begins, in bytes.
    """

    shard: str
    started: int
    offset: int

    def __str__(self) -> str:
        return f"{self.shard} at byte {self.offset}"


Order = tuple[int, str, int]  # time, shard, offset


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What a record gave.

    Attributes:
        key: The same for records of one request to one model, and only for them. A shadow's answer
            is to a request of its own.
        order: Which of such records came first.
        rows: Of each row its place in the request, its tf.Example, and a hash of its inputs alone.
    """

    key: bytes
    order: Order
    rows: tuple[tuple[int, bytes, bytes], ...]


def made_of(content: bytes, place: Place, plan: Plan, tally: Tally) -> Made | None:
    """Returns the tf.Examples of a record, or None where it is not used.

    Args:
        content: The record's bytes.
        place: Where they were found.
        plan: Window, model and types.
        tally: Is added to.
    """
    tally.count("records", "found")
    try:
        record = PredictionLog.FromString(content)
    except DecodeError:
        tally.count("records", "not_readable", example=f"{place}: no PredictionLog")
        return None
    left_out = _left_out(record.log_metadata, place, plan)
    if left_out:
        example = str(place) if left_out == "late" else ""
        tally.count("records", left_out, example=example)
        return None
    try:
        rows, answers = _rows_and_outputs(record, place, plan, tally)
    except UnreadableError as error:
        tally.count("records", "not_readable", example=f"{place}: {error}")
        return None
    tally.count("records", "used")
    _count_kind(record, tally)
    return _made(record, rows, answers, place, plan, tally)


def _left_out(metadata: Any, place: Place, plan: Plan) -> str:
    """Returns why a record is not to be used, or ""."""
    window = plan.window
    if metadata.timestamp_secs not in window:
        if place.started not in window:
            return "of_neighbours"
        return "late" if metadata.timestamp_secs < window.start_sec else "after"
    if plan.model_name and metadata.model_spec.name != plan.model_name:
        return "other_model"
    if plan.arms != keys.ALL and is_shadow(metadata) != (plan.arms == keys.SHADOW):
        return "other_arm"
    return ""


def is_shadow(metadata: Any) -> bool:
    """Returns whether a record's LogMetadata says that no caller got the answer."""
    return bool(metadata.rollout_arm == keys.SHADOW_ARM)


def _rows_and_outputs(
    record: Any, place: Place, plan: Plan, tally: Tally
) -> tuple[list[Row], outputs.Outputs]:
    kind = record.WhichOneof("log_type")
    if kind not in _OUTPUTS:
        raise UnreadableError(f"expected a log of {', '.join(_OUTPUTS)}, received {kind}")
    log = getattr(record, kind)
    if kind == "predict_log":
        rows = inputs.predict_rows(log.request, plan.kinds)
    else:
        rows = inputs.example_rows(log.request.input)
    try:
        return rows, _OUTPUTS[kind](log.response, len(rows))
    except UnreadableError as error:
        tally.count("predictions", "not_readable", times=len(rows), example=f"{place}: {error}")
        return rows, {}


def _classify_outputs(response: Any, count: int) -> outputs.Outputs:
    return outputs.classify_outputs(response.result, count)


def _regress_outputs(response: Any, count: int) -> outputs.Outputs:
    return outputs.regress_outputs(response.result, count)


_OUTPUTS = {
    "predict_log": outputs.predict_outputs,
    "classify_log": _classify_outputs,
    "regress_log": _regress_outputs,
    "multi_inference_log": outputs.multi_outputs,
}


def _made(
    record: Any,
    rows: list[Row],
    answers: outputs.Outputs,
    place: Place,
    plan: Plan,
    tally: Tally,
) -> Made:
    extra = _extra(record.log_metadata)
    found = []
    tally.count("rows", "found", times=len(rows))
    for index, row in enumerate(rows):
        if row.columns is None:
            tally.count("rows", "not_readable", example=f"{place}, row {index}: {row.reason}")
            continue
        extra[keys.ROW] = examples.integer(index)
        answer = outputs.of_row(answers, index)
        example, served = examples.example_of(row, answer, extra, plan, tally)
        # Only compared, and millions of them wait for others of their key.
        found.append((index, example, hashlib.blake2b(served, digest_size=16).digest()))
    metadata = record.log_metadata
    order = (metadata.timestamp_secs, place.shard, place.offset)
    return Made(_key(metadata, place), order, tuple(found))


def _extra(metadata: Any) -> dict[str, Served]:
    spec = metadata.model_spec
    columns = {
        keys.REQUEST_ID: examples.text(metadata.request_id),
        keys.SERVED_AT: examples.integer(metadata.timestamp_secs),
        keys.MODEL: examples.text(spec.name),
        keys.SIGNATURE: examples.text(spec.signature_name),
        keys.SAMPLING_RATE: examples.number(metadata.sampling_config.sampling_rate),
        keys.ROLLOUT: examples.text(metadata.rollout_id),
        keys.ARM: examples.text(metadata.rollout_arm),
    }
    if spec.HasField("version"):
        columns[keys.MODEL_VERSION] = examples.integer(spec.version.value)
    return columns


def _key(metadata: Any, place: Place) -> bytes:
    # Other servers' logs have no ids: nothing is a duplicate there. No name of a model or a shard
    # holds the character between.
    if not metadata.request_id:
        return f"{place.shard}\0{place.offset}\0".encode()
    arm = keys.SHADOW_ARM if is_shadow(metadata) else ""
    return f"{metadata.model_spec.name}\0{arm}\0{metadata.request_id}".encode()


def _count_kind(record: Any, tally: Tally) -> None:
    metadata = record.log_metadata
    spec = metadata.model_spec
    tally.count("kinds", record.WhichOneof("log_type"))
    version = str(spec.version.value) if spec.HasField("version") else "unknown"
    tally.count("model_versions", spec.name, version)
    tally.count("sampling_rates", repr(metadata.sampling_config.sampling_rate))
    if metadata.rollout_id:
        tally.count("arms", metadata.rollout_id, metadata.rollout_arm)
    if not metadata.request_id:
        tally.count("without_request_id", "records")
