"""Contexts in ML Metadata that only one writer makes: the store refuses a second of one name.

ML Metadata indexes its texts, and PostgreSQL refuses an index entry of more than 2,704 bytes. So a
text is cut, or where all of it is needed, split over several properties.

What the properties mean is left to `ledger` and `deliveries`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_metadata import errors
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as proto

from pipelines.continuous import keys
from pipelines.errors import MetadataError

Value = str | int | float

MAX_TEXT_BYTES = 2_000


def create(
    store: MetadataStore, type_name: str, name: str, values: Mapping[str, Value], *, token: str
) -> bool:
    """Makes a context, unless there is one of that name.

    Args:
        store: ML Metadata.
        type_name: Its type; made where there is none.
        name: Its name.
        values: Its custom properties.
        token: Tells this attempt from all others, of this process too: where the answer of the
            store is lost, what the store holds says who won.

    Returns:
        Whether this call made it.

    Raises:
        MetadataError: The store neither took it nor holds one.
    """
    # Most calls are for one that is there. PostgreSQL's client writes a refusal to standard error.
    if store.get_context_by_type_and_name(type_name, name) is not None:
        return False
    context = proto.Context(type_id=_type_id(store, type_name), name=name)
    set_values(context, {**values, keys.TOKEN: token})
    try:
        store.put_contexts([context])
    except errors.AlreadyExistsError:
        return False
    except errors.StatusError as error:
        # PostgreSQL and MySQL report a race for one name in words of their own.
        found = store.get_context_by_type_and_name(type_name, name)
        if found is None:
            raise MetadataError(
                f"{type_name} {name} could not be written to ML Metadata: {error}",
                remedy="Try again; see whether the metadata store is reachable and has space.",
            ) from error
        return text(found, keys.TOKEN) == token
    return True


def update(store: MetadataStore, context: proto.Context, values: Mapping[str, Value]) -> None:
    """Sets custom properties of a context that is there.

    Raises:
        MetadataError: The store did not take them.
    """
    set_values(context, values)
    try:
        store.put_contexts([context])
    except errors.StatusError as error:
        raise MetadataError(
            f"{context.name} could not be written to ML Metadata: {error}",
            remedy="Try again; see whether the metadata store is reachable and has space.",
        ) from error


def of_pipeline(store: MetadataStore, type_name: str, pipeline: str) -> list[proto.Context]:
    """Returns the contexts of a type that belong to a pipeline, by name."""
    found = [c for c in store.get_contexts_by_type(type_name) if text(c, keys.PIPELINE) == pipeline]
    return sorted(found, key=lambda context: context.name)


def cut(value: str) -> str:
    """Returns a text as far as it can be kept in one property."""
    encoded = value.encode()
    if len(encoded) <= MAX_TEXT_BYTES:
        return value
    return encoded[: MAX_TEXT_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def split(key: str, value: str) -> dict[str, Value]:
    """Returns properties that hold a long text of ASCII together, the first under `key`."""
    size = MAX_TEXT_BYTES
    pieces = [value[start : start + size] for start in range(0, len(value), size)] or [""]
    return {f"{key}_{n}" if n else key: piece for n, piece in enumerate(pieces)}


def joined(context: proto.Context, key: str) -> str:
    """Returns the long text that `split` made properties of."""
    pieces = [text(context, key)]
    while piece := text(context, f"{key}_{len(pieces)}"):
        pieces.append(piece)
    return "".join(pieces)


def set_values(context: proto.Context, values: Mapping[str, Value]) -> None:
    """Sets custom properties of a context, in memory."""
    for key, value in values.items():
        held = context.custom_properties[key]
        if isinstance(value, str):
            held.string_value = value
        elif isinstance(value, int):
            held.int_value = value
        else:
            held.double_value = value


def text(context: proto.Context, key: str) -> str:
    """Returns a property that is a text; empty where there is none."""
    return str(context.custom_properties[key].string_value) if _has(context, key) else ""


def number(context: proto.Context, key: str) -> float | None:
    """Returns a property that is a number; None where there is none."""
    if not _has(context, key):
        return None
    value = context.custom_properties[key]
    return float(getattr(value, value.WhichOneof("value") or "double_value"))


def _has(context: proto.Context, key: str) -> bool:
    return key in context.custom_properties  # asking for an absent one would make it


def _type_id(store: MetadataStore, name: str) -> int:
    """Returns the id of a context type, made where there is none; processes may race for it."""
    try:
        return int(store.get_context_type(name).id)
    except errors.NotFoundError:
        pass
    try:
        return int(store.put_context_type(proto.ContextType(name=name)))
    except errors.StatusError as error:
        try:
            return int(store.get_context_type(name).id)
        except errors.StatusError:
            raise MetadataError(
                f"the context type {name} could not be written to ML Metadata: {error}",
                remedy="Try again; see whether the metadata store is reachable and has space.",
            ) from error
