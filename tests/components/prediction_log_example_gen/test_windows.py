import pytest

from components.prediction_log_example_gen import windows
from components.prediction_log_example_gen.windows import Range

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("text", "length"), [("45s", 45), ("30m", 1800), ("1h", HOUR), ("1d", DAY), ("7d", 7 * DAY)]
)
def test_a_length_is_a_number_and_a_unit(text: str, length: int) -> None:
    assert windows.seconds(text) == length


@pytest.mark.parametrize("text", ["", "h", "1", "0h", "-1h", "1.5h", "1w", "1 h", "1h ", "\u0661h"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window: expected a whole number"):
        windows.seconds(text)


def test_a_span_is_the_number_of_its_window() -> None:
    # 2026-11-21 is day 20778, as `date -u -d @$((20778*86400))` says.
    assert windows.of_span(DAY, 20778) == Range(DAY, 1_795_219_200, 1_795_305_600)
    assert windows.as_text(1_795_219_200) == "2026-11-21T00:00:00Z"
    assert windows.of_span(DAY, 20778).span == 20778
    assert windows.of_span(HOUR, 0) == Range(HOUR, 0, HOUR)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = windows.of_span(HOUR, 1)
    assert [s in window for s in (3599, 3600, 7199, 7200)] == [False, True, True, False]


def test_windows_in_a_row_have_the_number_of_the_first() -> None:
    found = windows.between(HOUR, 5 * HOUR, 8 * HOUR)
    assert (found.span, found.start_sec, found.end_sec) == (5, 5 * HOUR, 8 * HOUR)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (100, HOUR, r"start: .*such as 0 or 3600, received 100"),
        (HOUR, 8000, r"end: .*such as 7200 or 10800, received 8000"),
        (HOUR, HOUR, r"end: expected a time after start"),
        (2 * HOUR, HOUR, r"end: expected a time after start"),
        (-HOUR, HOUR, r"start: .*such as 0 or 3600"),
    ],
)
def test_bounds_that_are_none_are_refused(start: int, end: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        windows.between(HOUR, start, end)


def test_a_time_that_no_date_can_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="below 70389527, received 99999999999999"):
        windows.of_span(HOUR, 99999999999999)
    with pytest.raises(ValueError, match="in the year 9999"):
        windows.between(1, 0, 253_402_300_800)


def test_a_negative_span_is_refused() -> None:
    with pytest.raises(ValueError, match="received -1"):
        windows.of_span(HOUR, -1)
