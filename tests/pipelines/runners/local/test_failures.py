import errno

import pytest

from pipelines.errors import DataError
from pipelines.runners.local.failures import describe


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001  (raised, for a real trace)
        return caught


@pytest.mark.parametrize(
    ("error", "name", "message", "step"),
    [
        (ValueError("fare is text"), "ValueError", "fare is text", ""),
        (
            raised(ValueError("no column company in trips.csv"), KeyError(3)),
            "ValueError",
            "no column company in trips.csv\ncaused by KeyError: 3",
            "",
        ),
        (
            raised(
                RuntimeError("bad fare 'abc' [while running 'Parse']"), ValueError("bad fare 'abc'")
            ),
            "ValueError",
            "bad fare 'abc'",
            "Parse",
        ),
        (
            RuntimeError("ValueError: bad fare 'abc' [while running 'ParseCSV/Map(parse)']"),
            "ValueError",
            "bad fare 'abc'",
            "ParseCSV/Map(parse)",
        ),
        (ValueError(), "ValueError", "ValueError()", ""),
    ],
)
def test_finds_the_root_cause(error: BaseException, name: str, message: str, step: str) -> None:
    failure = describe(error)
    assert (failure.error, failure.message, failure.step) == (name, message, step)


def test_an_error_while_another_was_handled_is_the_cause_itself() -> None:
    def look_up() -> None:
        try:
            int("missing")
        except ValueError:
            raise ValueError("no column 'fare'")  # noqa: B904

    with pytest.raises(ValueError, match="no column") as caught:
        look_up()
    assert describe(caught.value).error == "ValueError"


def test_keeps_long_messages_short_and_the_trace_whole() -> None:
    failure = describe(ValueError("\n".join(f"line {i}" for i in range(50))), "trace")
    assert len(failure.message.splitlines()) == 6
    assert failure.trace == "trace"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some disk space"),
        (RuntimeError("ResourceExhausted: x; No space left on device"), "Free some disk space"),
        (OSError(errno.EROFS, "Read-only file system"), "Set RINGWAY_HOME"),
        (DataError("x", remedy="Do this."), "Do this."),
        (ValueError("x"), ""),
    ],
)
def test_knows_what_to_do(error: Exception, remedy: str) -> None:
    assert describe(error).remedy.startswith(remedy)
    assert bool(describe(error).remedy) == bool(remedy)
