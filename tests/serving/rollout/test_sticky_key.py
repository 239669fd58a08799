import numpy as np
import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.sticky_key import FieldValue, Kind, StickyKey


def key_of(text: str, field: FieldValue | None = None, **metadata: str) -> bytes:
    return StickyKey.parse(text).of(
        request_id="r-1",
        metadata=metadata,
        field=lambda name: field if name == "Customer" else None,
    )


@pytest.mark.parametrize("text", ["request_id", "header:x-user", "metadata:x-user", "field:a:b"])
def test_a_key_is_read_as_it_is_written(text: str) -> None:
    assert str(StickyKey.parse(text)) == text


@pytest.mark.parametrize("text", ["", "user", "header", "header:", "request_id:x", "Header:x"])
def test_other_texts_are_refused_with_what_is_valid(text: str) -> None:
    with pytest.raises(RolloutError, match="expected request_id, header:NAME"):
        StickyKey.parse(text)


def test_names_of_headers_are_lower_case_and_fields_are_not() -> None:
    assert StickyKey.parse("header:X-User") == StickyKey(Kind.HEADER, "x-user")
    assert StickyKey.parse("field:Customer") == StickyKey(Kind.FIELD, "Customer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("request_id", b"r-1"),
        ("header:user", b"u-7"),
        ("metadata:user", b"u-7"),
        ("header:other", b"r-1"),
        ("header:empty", b"r-1"),
        ("field:Customer", b"c-9"),
        ("field:other", b"r-1"),
    ],
)
def test_the_key_stands_where_it_is_said_or_else_is_the_request_id(
    text: str, expected: bytes
) -> None:
    assert key_of(text, "c-9", user="u-7", empty="") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", b"a"),
        (b"a", b"a"),
        ("é", "é".encode()),
        (5, b"5"),
        (5.0, b"5"),
        (np.int64(5), b"5"),
        (np.float32(5), b"5"),
        (0, b"0"),
        (2**63 - 1, b"9223372036854775807"),
        (0.5, b"0.5"),
        (float("nan"), b"nan"),
        (float("inf"), b"inf"),
        ("", b"r-1"),
        (b"", b"r-1"),
    ],
)
def test_the_same_value_gives_the_same_key_however_it_travelled(
    value: FieldValue, expected: bytes
) -> None:
    assert key_of("field:Customer", value) == expected


def test_a_field_is_only_read_when_it_is_the_key() -> None:
    def field(name: str) -> None:
        raise AssertionError(name)

    key = StickyKey.parse("header:user")
    assert key.of(request_id="r-1", metadata={"user": "u"}, field=field) == b"u"
