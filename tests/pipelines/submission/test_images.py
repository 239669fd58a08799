"""A reference is complete when every machine takes the same image for it."""

import pytest

from pipelines.submission import images

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        f"images.example/ringway@{DIGEST}",
        f"images.example:5000/team/ringway:1.2@{DIGEST}",
        f"localhost/ringway@{DIGEST}",
    ],
)
def test_a_digest_makes_it_complete(text: str) -> None:
    assert images.why_incomplete(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no registry"),
        (f"ringway@{DIGEST}", "no registry"),
        (f"team/ringway@{DIGEST}", "no registry"),
        ("images.example/ringway", "no digest"),
        ("images.example/ringway:1.2", "may mean another image"),
        ("images.example/ringway@sha256:0123", "is no digest"),
        (f"images.example/Ringway@{DIGEST}", "no repository's name"),
        (f"images.example/r:1.2?@{DIGEST}", "is no tag"),
        (f"https://images.example/r@{DIGEST}", "no registry"),
    ],
)
def test_what_is_missing_is_named(text: str, words: str) -> None:
    assert words in images.why_incomplete(text)


def test_a_tag_will_do_where_it_is_allowed() -> None:
    assert images.why_incomplete("images.example/ringway:1.2", allow_tag=True) == ""
    assert images.why_incomplete("images.example/ringway", allow_tag=True) != ""
