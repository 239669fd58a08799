"""What is read of a served row to find its label, and the row with the label in it. Pure.

Rows are serialized tf.Examples with the columns of `components.prediction_log_example_gen.keys`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from components.feedback_join import join_keys
from components.feedback_join.label_rows import Wanted
from components.feedback_join.matching import Known
from components.prediction_log_example_gen import keys as log
from components.prediction_log_example_gen.plan import INT
from serving.wire.messages import Example

# Of labelled rows: when the label was known, in whole seconds since 1970.
LABELLED_AT: Final = f"{log.EXTRA_PREFIX}labelled_at"


@dataclasses.dataclass(frozen=True, slots=True)
class ServedRow:
    """What a served row is known by.

    Attributes:
        digest: Of all of it.
        served_sec: When it was asked about, in whole seconds since 1970.
        join_keys: Those by which a label may name it.
        version: Which answered; "" where that is not known.
        arm: Of a rollout; "" without one.
        order: What rows are sorted by.
        group: The model and whether no caller got the answer. An id that is in a group twice was
            used by several requests.
        sampled: Whether the log that it is of holds a sample of the requests only.
    """

    digest: bytes
    served_sec: int
    join_keys: tuple[bytes, ...]
    version: str
    arm: str
    order: tuple[int, str, int, bytes]
    group: str
    sampled: bool


def understood(serialized: bytes, identifiers: Sequence[str]) -> ServedRow:
    """Returns what a served row is known by.

    Args:
        serialized: A tf.Example.
        identifiers: Columns that together name an entity; none where no column does.

    Raises:
        google.protobuf.message.DecodeError: It is no tf.Example.
    """
    features = Example.FromString(serialized).features.feature
    row = _single(features, log.ROW) or 0
    request_id = join_keys.as_text(_single(features, log.REQUEST_ID)) or ""
    found = [join_keys.by_request(request_id, row)] if request_id else []
    texts = [join_keys.as_text(_single(features, name)) for name in identifiers]
    named = [text for text in texts if text is not None]
    if named and len(named) == len(texts):
        found.append(join_keys.by_entity(named))
    served_sec = _single(features, log.SERVED_AT) or 0
    digest = hashlib.blake2b(serialized, digest_size=16).digest()
    version = _single(features, log.MODEL_VERSION)
    arm = join_keys.as_text(_single(features, log.ARM)) or ""
    model = join_keys.as_text(_single(features, log.MODEL)) or ""
    return ServedRow(
        digest=digest,
        served_sec=served_sec,
        join_keys=tuple(found),
        version="" if version is None else str(version),
        arm=arm,
        order=(served_sec, request_id, row, digest),
        group=f"{model}\0{arm if arm == log.SHADOW_ARM else ''}",
        # Other servers' logs may not tell their rate: it is 0 then.
        sampled=0 < (_single(features, log.SAMPLING_RATE) or 0) < 1,
    )


def with_label(serialized: bytes, label: Known, wanted: Wanted) -> bytes:
    """Returns a served row with the delivered columns; they take the place of those of their name.

    Args:
        serialized: A tf.Example.
        label: What was delivered.
        wanted: Which columns.
    """
    example = Example.FromString(serialized)
    features = example.features.feature
    for name, value in zip(wanted.columns, label.values, strict=True):
        features[name].Clear()
        if value is not None:
            getattr(features[name], wanted.kind(name)).value.append(value)
    getattr(features[LABELLED_AT], INT).value.append(int(label.labelled_sec))
    return example.SerializeToString(deterministic=True)


def _single(features: Any, name: str) -> Any:
    """Returns the only value of a column, or None."""
    if name not in features:
        return None
    kind = features[name].WhichOneof("kind")
    values: Any = getattr(features[name], kind).value if kind else ()
    return values[0] if len(values) == 1 else None
