"""How numbers are told, and what follows from what was found."""

from __future__ import annotations

import pytest
from quality_rows import KINDS, report, table

from components.data_quality_validator import digests
from components.data_quality_validator.columns import in_memory
from components.data_quality_validator.measurement import percent, span_of_time

BROKEN = table("accuracy.range", column="n", max=0)
LOST = table("accuracy.range", column="m", max=0).replace('accuracy.range"', 'lost"')
ROWS = [{"n": 1}]


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (0.12345, "12.35 %"),
        (0.001, "0.1 %"),
        (0.00052, "0.052 %"),
        (3.1e-6, "0.00031 %"),
        (0.9999969, "99.99969 %"),
    ],
)
def test_no_share_is_told_as_all_or_nothing_that_is_neither(share: float, told: str) -> None:
    assert percent(share) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (90, "1.5 min"), (57900, "16.1 h"), (86400, "1.0 d"),
     (-7200, "-2.0 h")],
)  # fmt: skip
def test_times_are_told_in_their_largest_unit(seconds: float, told: str) -> None:
    assert span_of_time(seconds) == told


@pytest.mark.parametrize(
    ("rules", "status", "cause"),
    [
        (BROKEN, "ALARM", "accuracy.range: 1 of 1 rows (100 %) have a 'n' above 0; none may"),
        (LOST, "NOT_MEASURED", "lost: not measured: no row has a value of column 'm'"),
        (LOST + BROKEN, "ALARM", "accuracy.range: 1 of 1 rows"),
        (LOST + "optional = true\n", "OK", ""),
        (BROKEN + 'severity = "warning"\n', "OK", ""),
        (LOST + 'severity = "warning"\n' + BROKEN, "ALARM", "accuracy.range: 1 of 1"),
    ],
)
def test_the_gravest_finding_decides(rules: str, status: str, cause: str) -> None:
    found = report(rules, train=ROWS)
    assert found.status == status
    assert found.cause.startswith(cause)
    assert bool(found.cause) == (status != "OK")


def test_all_measurements_have_the_same_keys() -> None:
    found = report(LOST + BROKEN, train=ROWS).document()["measurements"]
    assert list(found[0]) == list(found[1])


def test_equal_values_and_only_those_have_equal_digests() -> None:
    texts = [f"row {number % 50_000}".encode() for number in range(100_000)]
    assert len(set(digests.of_texts(texts).tolist())) == 50_000
    rows = [{"n": number // 300, "m": number % 300} for number in range(90_000)]
    columns = in_memory({"n": KINDS["n"], "m": KINDS["m"]}, rows)
    mixed, known = digests.of_columns([columns["n"], columns["m"]])
    assert known.all()
    assert len(set(mixed.tolist())) == 90_000
