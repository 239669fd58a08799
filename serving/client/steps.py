"""What a client does on the network, one step at a time.

Steps come from `serving.client.calls`; the clients perform them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import TypeVar

from serving.wire.messages import MODEL_SERVICE, PREDICTION_SERVICE

PREDICT = f"/{PREDICTION_SERVICE}/Predict"
CLASSIFY = f"/{PREDICTION_SERVICE}/Classify"
REGRESS = f"/{PREDICTION_SERVICE}/Regress"
GET_MODEL_METADATA = f"/{PREDICTION_SERVICE}/GetModelMetadata"
GET_MODEL_STATUS = f"/{MODEL_SERVICE}/GetModelStatus"
METHODS = (PREDICT, CLASSIFY, REGRESS, GET_MODEL_METADATA, GET_MODEL_STATUS)


T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request to make.

    Attributes:
        method: Path, one of `METHODS`.
        body: The serialized message.
        metadata: To send along.
        request_id: Stands in the metadata as well.
        timeout_sec: Seconds that are left for it; None for no limit.
    """

    method: str
    body: bytes
    metadata: tuple[tuple[str, str], ...]
    request_id: str
    timeout_sec: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        body: The serialized message.
        request_id: What the server sent back, or else the call's.
    """

    body: bytes
    request_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sleep:
    """A pause.

    Attributes:
        seconds: Its length.
    """

    seconds: float


Steps = Generator[Call | Sleep, Reply | None, T]
