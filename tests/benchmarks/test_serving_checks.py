from pathlib import Path

import pytest

from benchmarks.serving_bench import newest_version
from benchmarks.serving_load import BenchmarkError
from benchmarks.serving_report import Result
from benchmarks.serving_servers import check_counts

GOOD = ("request_count", "OK", "1")
LOGGED = ("request_log_count", "OK", "")
FAILED = ("request_count", "INTERNAL", "")
DROPPED = ("request_log_count", "RESOURCE_EXHAUSTED", "")


def test_as_many_good_answers_as_requests_are_accepted() -> None:
    check_counts({GOOD: 60, ("request_count", "OK", "2"): 40, LOGGED: 100, FAILED: 0}, 100)


@pytest.mark.parametrize(
    "counted", [{GOOD: 99}, {GOOD: 101}, {GOOD: 100, FAILED: 1}, {GOOD: 100, DROPPED: 1}]
)
def test_any_other_count_is_refused(counted: dict[tuple[str, str, str], int]) -> None:
    with pytest.raises(BenchmarkError, match="expected to count 100 requests as OK and no other"):
        check_counts(counted, 100)


def test_versions_are_compared_as_numbers(tmp_path: Path) -> None:
    for name in ("9", "10", "notes"):
        (tmp_path / name).mkdir()
    assert newest_version(tmp_path) == tmp_path / "10"


@pytest.mark.parametrize(("at_least", "met"), [(True, True), (False, False)])
def test_a_result_has_the_ratio_of_medians_and_the_spread_of_rounds(
    at_least: bool, met: bool
) -> None:
    result = Result(
        name="row",
        title="a row",
        unit="requests/s",
        ours="Ringway",
        theirs="other",
        values=[40.0, 60.0, 50.0],
        others=[10.0, 12.0, 20.0],
        goal=4.0,
        at_least=at_least,
        requests=1234,
    )
    assert result.ratio == pytest.approx(50 / 12)
    assert result.spread == pytest.approx((2.5, 5.0))
    assert result.met is met
    assert "ratio 4.17 (2.50 to 5.00)" in result.as_text()
