import numpy as np
import pytest

from benchmarks.serving_load import BenchmarkError, check_answered, steady_rate

SAID = """
finished in 1.07s, 5959.01 req/s, 1.33MB/s
requests: 6400 total, 6400 started, 6400 done, 6400 succeeded, 0 failed, 0 errored, 0 timeout
status codes: {ok} 2xx, 0 3xx, {rejected} 4xx, 0 5xx
traffic: 1.43MB (1501120) total, 768.75KB (787200) headers, 431.25KB (441600) data
"""


def test_the_rate_is_that_of_the_time_in_which_all_callers_wait() -> None:
    # Two callers. One has four requests of 100 us; the other two of 200 us, and then, alone, one of
    # a second. All wait from 0 to 400 us, in which 4 + 2 answers come; until its very end, the last
    # moment with two under way is 300 us, by when 3 + 1 have come.
    started = np.array([0, 100, 200, 300, 0, 200, 400])
    took = np.array([100, 100, 100, 100, 200, 200, 1_000_000])
    assert steady_rate(started, took, 2) == pytest.approx(4 / 300e-6)


def test_callers_that_never_wait_together_are_measured_from_first_to_last() -> None:
    started = np.array([0, 500])
    took = np.array([100, 500])
    assert steady_rate(started, took, 2) == pytest.approx(2 / 1000e-6)


def test_one_caller_waits_from_its_first_request_to_its_last() -> None:
    started = np.array([0, 250, 500])
    took = np.array([240, 250, 700])
    assert steady_rate(started, took, 1) == pytest.approx(2 / 500e-6)


def test_answers_with_status_200_are_accepted() -> None:
    check_answered(SAID.format(ok=6400, rejected=0), 6400)


def test_an_answer_with_another_status_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="Of 6400 requests, some were not answered"):
        check_answered(SAID.format(ok=6399, rejected=1), 6400)


def test_a_missing_answer_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="Of 6401 requests"):
        check_answered(SAID.format(ok=6400, rejected=0), 6401)
