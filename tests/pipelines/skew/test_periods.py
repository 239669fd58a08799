import pytest

from components.prediction_log_example_gen.windows import Range
from pipelines.errors import UsageError
from pipelines.skew import periods

HOUR = 3600
SPAN = 498_689
START = SPAN * HOUR  # 2026-11-21T17:00:00Z


def chosen(window=None, span=None, since=None, until=None, newest=None):
    return periods.chosen(window, span=span, since=since, until=until, newest=newest)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"newest": START + 59}, Range(HOUR, START, START + HOUR)),
        ({"newest": START - 1}, Range(HOUR, START - HOUR, START)),
        ({"window": "1d", "newest": START}, Range(86400, 20_778 * 86400, 20_779 * 86400)),
        ({"span": SPAN}, Range(HOUR, START, START + HOUR)),
        ({"span": SPAN, "newest": 5}, Range(HOUR, START, START + HOUR)),
        ({"window": "5s", "span": 2}, Range(5, 10, 15)),
        ({"since": 7, "until": 9}, Range(1, 7, 9)),
        ({"since": 7}, Range(1, 7, 7 + HOUR)),
        ({"until": 7 + HOUR}, Range(1, 7, 7 + HOUR)),
        ({"window": "5s", "since": 10, "until": 20}, Range(5, 10, 20)),
        ({"window": "5s", "since": 10}, Range(5, 10, 15)),
        ({}, None),
    ],
)
def test_chooses_a_period(given, expected):
    assert chosen(**given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"span": 1, "since": 5}, ["--span", "--from"]),
        ({"window": "1w", "newest": 5}, ["window", "'1w'"]),
        ({"window": "5s", "since": 11, "until": 20}, ["start", "10", "15"]),
        ({"since": 9, "until": 7}, ["end", "9"]),
        ({"until": 7}, ["start"]),
    ],
)
def test_refuses_what_makes_no_sense(given, words):
    with pytest.raises(UsageError) as refusal:
        chosen(**given)
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795280400", 1_795_280_400),
        ("2026-11-21T17:00:00Z", START),
        ("2026-11-21T17:00:00", START),
        ("2026-11-21T18:00:00+01:00", START),
        ("2026-11-21", START - 17 * HOUR),
    ],
)
def test_reads_times(text, expected):
    assert periods.seconds_of(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "", "-5", "2026-11-21T17:00:00.5Z", "\uff11\uff17"])
def test_refuses_what_is_no_time(text):
    with pytest.raises(UsageError, match="expected a time"):
        periods.seconds_of(text)


def test_the_time_before_is_as_long():
    assert periods.before(Range(5, 20, 30)) == Range(5, 10, 20)


def test_there_is_no_time_before_1970():
    with pytest.raises(UsageError, match="no time of that length before"):
        periods.before(Range(5, 5, 15))
