"""Long texts are cut by their bytes, and between characters."""

from __future__ import annotations

import pytest

from components.artifacts.own_properties import MAX_TEXT_BYTES, fitting


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("short", "short"),
        ("a" * MAX_TEXT_BYTES, "a" * MAX_TEXT_BYTES),
        ("a" * 3000, "a" * 2000),
        ("ü" * 3000, "ü" * 1000),  # of two bytes each
        ("a" + "ü" * 3000, "a" + "ü" * 999),  # half a character is none
    ],
)
def test_a_text_is_kept_as_far_as_it_fits(text: str, kept: str) -> None:
    assert fitting(text) == kept
