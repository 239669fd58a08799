"""Which part of a request decides its arm: a metadata entry, a header, a field, or its id.

Written as `header:x-user-id`, `metadata:x-user-id`, `field:customer` or `request_id`. Headers are
REST's and metadata gRPC's name for the same thing, so each is looked for in both. A request that
lacks its key is dealt by its request id, so it gets an arm, but no lasting one.

A request may hold many rows and is answered by one version, so a field's key is its first row's.
Reading fields from tensors or examples is left to the caller, who does it only when asked.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping

from serving.rollout.errors import RolloutError

FieldValue = bytes | str | int | float


class Kind(enum.Enum):
    """Where a key stands."""

    REQUEST_ID = "request_id"
    METADATA = "metadata"
    HEADER = "header"
    FIELD = "field"


@dataclasses.dataclass(frozen=True)
class StickyKey:
    """Where the key of a request stands.

    Attributes:
        kind: In which part of the request.
        name: Of the entry or field; of headers and metadata in lower case; empty for request ids.

    Raises:
        RolloutError: A name is missing, or a request id has one.
    """

    kind: Kind = Kind.REQUEST_ID
    name: str = ""

    def __post_init__(self) -> None:
        if bool(self.name) == (self.kind is Kind.REQUEST_ID):
            raise RolloutError(
                "key: expected request_id, header:NAME, metadata:NAME or field:NAME, received "
                f"{self.kind.value}:{self.name}."
            )

    @classmethod
    def parse(cls, text: str) -> StickyKey:
        """Reads what `str` writes.

        Raises:
            RolloutError: The text has another form.
        """
        kind, _, name = text.partition(":")
        if kind not in {one.value for one in Kind}:
            raise RolloutError(
                "key: expected request_id, header:NAME, metadata:NAME or field:NAME, received "
                f"{text!r}."
            )
        named = Kind(kind)
        return cls(named, name if named is Kind.FIELD else name.lower())

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value

    def of(
        self,
        *,
        request_id: str,
        metadata: Mapping[str, str],
        field: Callable[[str], FieldValue | None],
    ) -> bytes:
        """Returns the key of a request.

        Args:
            request_id: What the key is where the request lacks its own.
            metadata: gRPC metadata or HTTP headers, names in lower case.
            field: Returns the first row's value of a field, or None. Asked only if needed.
        """
        found: FieldValue | None = None
        if self.kind is Kind.FIELD:
            found = field(self.name)
        elif self.kind is not Kind.REQUEST_ID:
            found = metadata.get(self.name)
        # An empty header would throw all who send none of their own into one arm.
        return request_id.encode() if found is None or found in ("", b"") else _bytes(found)


REQUEST_ID = StickyKey()


def _bytes(value: FieldValue) -> bytes:
    """Returns the same bytes for the same value, whichever way it travelled.

    Over REST a whole number may come as 5 or 5.0, over gRPC as an int64 or a float.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    number = float(value)
    # float64 has no room for every digit of a long whole number.
    whole = isinstance(value, int) or number.is_integer()
    return (str(int(value)) if whole else repr(number)).encode()
