"""Five fields, as everybody writes them, become what robfig/cron reads with seconds first."""

import pytest

from pipelines.submission import cron


@pytest.mark.parametrize(
    "expression",
    ["0 3 * * *", "*/15 * * * *", "30 4 1,15 * mon-fri", "0 0 1 jan *", "5/20 8-18/2 * * 0"],
)
def test_what_both_read_is_taken(expression: str) -> None:
    assert cron.why_bad(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("@daily", "five fields"),
        ("60 3 * * *", "60"),
        ("0 3 * * 7", "'7' as day of the week"),
        ("0 3 * * 5-7", "'5-7' as day of the week"),
        ("0 3 l * *", "'l' as day of the month"),
        ("0 3 * * 5#2", "'5#2' as day of the week"),
        ("0 22-3 * * *", "'22-3' as hour"),
        ("0 3 30 2 *", "day that comes"),
    ],
)
def test_what_the_server_would_refuse_or_read_otherwise_is_told(
    expression: str, words: str
) -> None:
    assert words in cron.why_bad(expression)


def test_the_server_gets_seconds() -> None:
    assert cron.for_server("0  3 * * *") == "0 0 3 * * *"
