r"""A metadata store on PostgreSQL that can hold backslashes.

ML Metadata's client for PostgreSQL refuses every text with a backslash in it, and TFX writes many
(JSON inside JSON holds `\"`). It strips the first and last character off what libpq's
PQescapeLiteral returns, taking them for quotes; for a text with a backslash libpq returns
` E'…'`, with a leading space, and the statement becomes nonsense (seen with ml-metadata 1.16.0).

So here each backslash goes to the server as `U+E05C`, a character of Unicode's private use area
that no other text holds, and comes back as a backslash. Other programs that read the database see
that character.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ml_metadata.metadata_store.metadata_store import MetadataStore

BACKSLASH, STAND_IN = "\\", "\ue05c"
_STAND_IN_BYTES = STAND_IN.encode()


class PostgresqlStore(MetadataStore):
    """A `MetadataStore` that replaces backslashes on the way out and back."""

    def _call_method(self, method_name: str, request: Any, response: Any) -> None:
        if b"\\" in request.SerializeToString():
            outgoing = type(request)()
            outgoing.CopyFrom(request)
            replace(outgoing, BACKSLASH, STAND_IN)
            request = outgoing
        super()._call_method(method_name, request, response)
        if _STAND_IN_BYTES in response.SerializeToString():
            replace(response, STAND_IN, BACKSLASH)


def replace(message: Message, old: str, new: str) -> None:
    """Replaces a character in all texts of a message, in place, keys of maps included."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            if not _is_repeated(value):
                setattr(message, field.name, value.replace(old, new))
            else:
                value[:] = [text.replace(old, new) for text in value]
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            _replace_inside(value, field, old, new)


def _is_repeated(value: Any) -> bool:
    return not isinstance(value, (str, Message))


def _replace_inside(value: Any, field: Any, old: str, new: str) -> None:
    if not _is_repeated(value):
        replace(value, old, new)
    elif not field.message_type.GetOptions().map_entry:
        for item in value:
            replace(item, old, new)
    else:
        _replace_in_map(value, field, old, new)


def _replace_in_map(value: Any, field: Any, old: str, new: str) -> None:
    holds_messages = field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE
    for key in list(value):
        name = key.replace(old, new) if isinstance(key, str) else key
        if name != key:
            if holds_messages:
                value[name].CopyFrom(value[key])
            else:
                value[name] = value[key]
            del value[key]
        if holds_messages:
            replace(value[name], old, new)
        elif isinstance(value[name], str):
            value[name] = value[name].replace(old, new)
