"""Which spans of the input a run reads: the last N, or those from a first to a last one.

Pure functions, without TFX: the driver asks before a run's node starts, the executor where no
driver does, and the checks before a run when nothing is imported yet.

    found = find("span-{SPAN}/*", ["span-1/a.csv", "span-2/a.csv", "span-4/a.csv"])
    select([found], Latest(3))     # spans 2 and 4: three numbers up to the newest, where they exist
    select([found], Fixed(1, 4))   # InputError: span 3 is missing
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from components.arrow_example_gen.errors import InputError
from components.arrow_example_gen.patterns import LARGEST_SPAN, Found, Span

_RANGE = re.compile(r"([0-9]+):([0-9]+)|([1-9][0-9]*)")
_SHOWN = 40


@dataclasses.dataclass(frozen=True)
class Latest:
    """The newest span and those before it, `count` numbers in all, where they exist.

    Attributes:
        count: How many numbers.
        not_before: The first span that may be among them.
    """

    count: int
    not_before: int = 0


@dataclasses.dataclass(frozen=True)
class Fixed:
    """All spans from a first to a last one; each has to exist.

    Attributes:
        first: Number of the first span.
        last: Number of the last span, itself included.
    """

    first: int
    last: int


Wanted = Latest | Fixed


def wanted(text: str) -> Wanted:
    """Returns what a text asks for: `8` the last eight spans, `5:12` those from 5 to 12.

    Raises:
        InputError: It is neither, ends before it begins, or has a number above `LARGEST_SPAN`.
    """
    match = _RANGE.fullmatch(text)
    numbers = [_number(digits, text) for digits in match.groups() if digits] if match else []
    if not numbers or numbers[0] > numbers[-1]:
        raise InputError(
            f"Expected a number of spans such as 8, or a first and a last one such as 5:12, "
            f"received {text!r}."
        )
    return Latest(*numbers) if len(numbers) == 1 else Fixed(*numbers)


def _number(digits: str, text: str) -> int:
    significant = digits.lstrip("0") or "0"
    # By their length first: Python refuses to read thousands of digits.
    if len(significant) > len(str(LARGEST_SPAN)) or int(significant) > LARGEST_SPAN:
        raise InputError(f"Expected numbers up to {LARGEST_SPAN}, received {_shortened(text)!r}.")
    return int(significant)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def select(found: Sequence[Found], range_: Wanted) -> tuple[Span, ...]:
    """Returns the spans to read, oldest first.

    Args:
        found: What exists of each input split; all have to have the same spans.
        range_: Which spans are wanted.

    Raises:
        InputError: No span is there, one of a `Fixed` range is missing, or the input splits differ.
    """
    numbers = sorted({number for one in found for number in one})
    if not numbers:
        raise InputError("Expected at least one span, found none.")
    if isinstance(range_, Fixed):
        chosen = [number for number in numbers if range_.first <= number <= range_.last]
        if missing := _gaps(chosen, range_):
            one_missing = missing == [(missing[0][0], missing[0][0])]
            raise InputError(
                f"Expected {_words([(range_.first, range_.last)])}, but {_words(missing)} "
                f"{'is' if one_missing else 'are'} missing; {named(numbers)} "
                f"{'is' if len(numbers) == 1 else 'are'} there."
            )
    else:
        first = max(numbers[-1] - range_.count + 1, range_.not_before)
        chosen = [number for number in numbers if number >= first]
        if not chosen:
            raise InputError(f"Expected a span from {first} on; the newest is {numbers[-1]}.")
    return tuple(_aligned(found, number) for number in chosen)


def _gaps(numbers: Sequence[int], range_: Fixed) -> list[tuple[int, int]]:
    """Returns the runs of a range that are not among some sorted numbers inside of it."""
    # By their ends: a range may have two thousand million numbers.
    befores = [range_.first - 1, *numbers]
    afters = [*numbers, range_.last + 1]
    ends = zip(befores, afters, strict=True)
    return [(before + 1, after - 1) for before, after in ends if after - before > 1]


def _aligned(found: Sequence[Found], number: int) -> Span:
    versions = {one.get(number) for one in found}
    if len(versions) > 1 or any(number not in one for one in found):
        raise InputError(
            f"Span {number}: expected it in every input split, in the same newest version, "
            f"received {', '.join(_version_of(one, number) for one in found)}."
        )
    return Span(number, versions.pop())


def _version_of(found: Found, number: int) -> str:
    if number not in found:
        return "none"
    version = found[number]
    return "no version" if version is None else f"version {version}"


def shortfall(spans: Sequence[Span], range_: Wanted) -> str:
    """Returns a sentence where fewer spans are read than were asked for; otherwise nothing."""
    if isinstance(range_, Fixed) or len(spans) >= range_.count:
        return ""
    numbers = [span.number for span in spans]
    exist = "exists" if len(numbers) == 1 else "exist"
    return f"{range_.count} spans are asked for; of these, {named(numbers)} {exist}."


def listed(numbers: Iterable[int]) -> str:
    """Returns numbers as runs, `5-7,9`, which `restored` takes."""
    return ",".join(
        f"{first}-{last}" if last > first else str(first) for first, last in _runs(numbers)
    )


def restored(numbers: str, versions: str = "") -> tuple[Span, ...]:
    """Returns the spans of which `listed` wrote the numbers.

    Args:
        numbers: Such as `5-7,9`.
        versions: Of each of them, such as `1,1,2,1`; empty where there are none.

    Raises:
        ValueError: The texts are none of these, or do not fit each other.
    """
    found: list[int] = []
    for run in numbers.split(","):
        first, _, last = run.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    if not versions:
        return tuple(Span(number) for number in found)
    pairs = zip(found, versions.split(","), strict=True)
    return tuple(Span(number, int(version)) for number, version in pairs)


def named(numbers: Iterable[int]) -> str:
    """Returns numbers in words, such as `spans 5 to 7 and 9`."""
    return _words(_runs(numbers))


def _words(runs: Iterable[tuple[int, int]]) -> str:
    texts = [f"{first} to {last}" if last > first else str(first) for first, last in runs]
    *others, last_run = texts
    words = f"{', '.join(others)} and {last_run}" if others else last_run
    return f"span {words}" if words.isdigit() else f"spans {words}"


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
