from __future__ import annotations

from typing import Any

import pytest

from components.feedback_join.join_keys import as_text, by_entity, by_request


def test_requests_and_entities_never_look_alike() -> None:
    keys = [
        by_request("a", 0),
        by_request("a", 1),
        by_request("0\0a", 0),
        by_entity(["a"]),
        by_entity(["r0\0a"]),
        by_entity(["a", "b"]),
        by_entity(["a,b", ""]),
        by_entity(["a", "b", "c"]),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"UA-7", "UA-7"),
        ("UA-7", "UA-7"),
        (7, "7"),
        (7.0, "7"),
        (-7, "-7"),
        (7.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
        (b"", None),
        ("", None),
        (b"\xff", None),
        (True, None),
    ],
)
def test_values_are_compared_as_texts(value: Any, text: str | None) -> None:
    assert as_text(value) == text
