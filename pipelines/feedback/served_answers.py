"""What both arms of a rollout answered, from the request log; each shard is read once.

Only what a metric needs is kept of a record: its prediction, the names by which a label finds it,
and the columns that the label function asks for. Labels are for `arrived_labels`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from components.feedback_join import join_keys
from components.prediction_log_example_gen import inputs, outputs, windows
from components.prediction_log_example_gen.casting import CastError, cast
from components.prediction_log_example_gen.inputs import Row, Served, UnreadableError
from components.prediction_log_example_gen.keys import SHADOW_ARM
from components.prediction_log_example_gen.plan import BYTES
from components.prediction_log_example_gen.shards import Shard, contents, shards_of
from components.prediction_log_example_gen.tally import Tally
from serving.wire.messages import PredictionLog

_OUTPUTS: Mapping[str, Callable[[Any, int], outputs.Outputs]] = {
    "predict_log": outputs.predict_outputs,
    "classify_log": lambda response, count: outputs.classify_outputs(response.result, count),
    "regress_log": lambda response, count: outputs.regress_outputs(response.result, count),
    "multi_inference_log": outputs.multi_outputs,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for.

    Attributes:
        model: Name of the model.
        rollout_id: Answers of other rollouts, or of none, are passed over.
        since_sec: Answers before are passed over.
        prediction_output: The output that is the prediction; "" where that is to be guessed.
        kinds: By feature of the schema the field of a Feature that holds its values.
        identifiers: Columns that together name an entity.
        columns: Columns that the label function asks for.
    """

    model: str
    rollout_id: str
    since_sec: int
    prediction_output: str = ""
    kinds: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ServedAnswer:
    """A row that an arm answered.

    Attributes:
        arm: `stable`, `candidate` or `shadow`.
        request_id: Of the request; may be "".
        inputs: A hash of what was asked.
        row: Place in the request.
        served_sec: When, in whole seconds since 1970.
        prediction: What was answered; NaN where that cannot be told.
        join_keys: Those by which a label may name it.
        columns: Values of the columns that were asked for; NaN, or of texts None, for none.
    """

    arm: str
    request_id: str
    row: int
    served_sec: int
    prediction: float
    join_keys: tuple[bytes, ...]
    columns: tuple[Any, ...]
    inputs: bytes = b""

    @property
    def is_shadow(self) -> bool:
        """Whether no caller got it."""
        return self.arm == SHADOW_ARM


class ServedAnswers:
    """The answers of a rollout, as far as finished shards hold them.

    Args:
        folder: Of the request log; may be missing.
        asked: What is looked for.
    """

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._folder = folder
        self._asked = asked
        self._read: set[str] = set()
        self._seen: set[tuple[bool, str, int, bytes]] = set()

    def new(self, now_sec: float) -> list[ServedAnswer]:
        """Returns the answers in shards that were finished since the last call.

        Of a request that was answered twice, as when a caller tries again, the first answer counts.

        Args:
            now_sec: The time, in seconds since 1970.
        """
        if not self._folder.is_dir():
            return []
        end_sec = max(math.floor(now_sec), self._asked.since_sec) + 1
        window = windows.between(1, self._asked.since_sec, end_sec)
        found: list[ServedAnswer] = []
        for shard in shards_of(self._folder, None, window):
            if shard.path not in self._read:
                # Whole or not at all: what fails in its midst is read again at the next look.
                read = list(self._answers(shard))
                self._read.add(shard.path)
                found += filter(self._is_first, read)
        return found

    def _answers(self, shard: Shard) -> Iterator[ServedAnswer]:
        for _, content in contents(shard, Tally()):
            yield from answers_of(content, self._asked)

    def _is_first(self, answer: ServedAnswer) -> bool:
        if not answer.request_id:
            return True
        name = answer.is_shadow, answer.request_id, answer.row, answer.inputs
        if name in self._seen:
            return False
        self._seen.add(name)
        return True


def answers_of(content: bytes, asked: Asked) -> list[ServedAnswer]:
    """Returns the answers that a record holds; none where it cannot be read or was not asked for.

    Args:
        content: The record's bytes.
        asked: What is looked for.
    """
    try:
        record = PredictionLog.FromString(content)
    except DecodeError:
        return []
    metadata = record.log_metadata
    if (
        metadata.rollout_id != asked.rollout_id
        or metadata.timestamp_secs < asked.since_sec
        or metadata.model_spec.name != asked.model
    ):
        return []
    kind = record.WhichOneof("log_type")
    if kind not in _OUTPUTS:
        return []
    log = getattr(record, kind)
    try:
        if kind == "predict_log":
            rows, digest = _predict_rows(log.request, asked)
        else:
            rows, digest = inputs.example_rows(log.request.input), b""
    except UnreadableError:
        return []
    try:
        answered = _OUTPUTS[kind](log.response, len(rows))
    except UnreadableError:  # the rows were asked about, and a shadow's may be fine
        answered = {}
    return list(_answers(rows, answered, metadata, asked, digest))


def _predict_rows(request: Any, asked: Asked) -> tuple[list[Row], bytes]:
    """Returns rows, and of a single one with named tensors a hash of what was asked.

    Such a row, as most are, is read in the columns that are needed alone: there are dozens.
    """
    shapes = [proto.tensor_shape.dim for proto in request.inputs.values()]
    if len(shapes) == 1 or any(shape and shape[0].size != 1 for shape in shapes):
        return inputs.predict_rows(request, asked.kinds), b""
    needed = [name for name in (*asked.identifiers, *asked.columns) if name in request.inputs]
    arrays = {name: inputs.read_array(name, request.inputs[name]) for name in needed}
    row = Row({name: inputs.column(array, 1)[0] for name, array in arrays.items()})
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(request.inputs):
        content = request.inputs[name].SerializeToString()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return [row], digest.digest()


def _answers(
    rows: list[Row], answered: outputs.Outputs, metadata: Any, asked: Asked, digest: bytes
) -> Iterator[ServedAnswer]:
    name = outputs.prediction_name(answered, asked.prediction_output)
    for index, row in enumerate(rows):
        if row.columns is None:
            continue
        yield ServedAnswer(
            arm=metadata.rollout_arm,
            request_id=metadata.request_id,
            row=index,
            served_sec=metadata.timestamp_secs,
            prediction=math.nan if name is None else _number(answered[name][index]),
            join_keys=_join_keys(row.columns, metadata.request_id, index, asked),
            columns=tuple(
                _value(row.columns.get(column), asked.kinds.get(column)) for column in asked.columns
            ),
            inputs=digest or _hash(row.columns),
        )


def _hash(columns: Mapping[str, Served]) -> bytes:
    plain = sorted((name, list(served.values)) for name, served in columns.items())
    return hashlib.blake2b(repr(plain).encode(), digest_size=16).digest()


def _join_keys(
    columns: Mapping[str, Served], request_id: str, row: int, asked: Asked
) -> tuple[bytes, ...]:
    found = [join_keys.by_request(request_id, row)] if request_id else []
    texts = [join_keys.as_text(_single(columns.get(name))) for name in asked.identifiers]
    named = [text for text in texts if text is not None]
    if named and len(named) == len(texts):
        found.append(join_keys.by_entity(named))
    return tuple(found)


def _number(served: Served) -> float:
    """Returns a row's prediction; of two scores the last, as that is of the class that is 1."""
    last = served.values[-1] if 1 <= len(served.values) <= 2 else math.nan
    return float(last) if isinstance(last, int | float) else math.nan


def _single(served: Served | None) -> Any:
    return served.values[0] if served is not None and len(served.values) == 1 else None


def _value(served: Served | None, kind: str | None) -> Any:
    """Returns the first value of a column in the type of the schema, as examples are read."""
    nothing = None if kind == BYTES else math.nan
    if served is None or served.kind is None or not len(served.values):
        return nothing
    try:
        value = cast([served.values[0]], served.kind, kind or served.kind)[0]
    except CastError:
        return nothing
    if kind == BYTES:
        return value
    return float(value) if isinstance(value, int | float) else math.nan


def arrays(rows: list[tuple[Any, ...]], names: tuple[str, ...], kinds: Mapping[str, Any]) -> Any:
    """Returns values by column: float64 with NaN for none, or of texts objects with None.

    Args:
        rows: Values of each row, in the order of the names.
        names: Columns.
        kinds: By column the field of a Feature that holds its values.
    """
    found = {}
    for place, name in enumerate(names):
        values = [row[place] for row in rows]
        if kinds.get(name) == BYTES:
            found[name] = np.empty(len(values), object)
            found[name][:] = values
        else:
            numbers = [math.nan if value is None else value for value in values]
            found[name] = np.array(numbers, np.float64)
    return found
