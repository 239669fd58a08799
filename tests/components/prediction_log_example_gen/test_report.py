from __future__ import annotations

from components.prediction_log_example_gen import keys, windows
from components.prediction_log_example_gen.plan import Plan
from components.prediction_log_example_gen.report import document, properties, sampling_rate
from components.prediction_log_example_gen.tally import Tally

PLAN = Plan(windows.of_span(86400, 20778), {}, model_name="taxi")


def test_a_report_of_nothing_has_zeros() -> None:
    report = document(Tally(), PLAN)
    assert report["window"] == {
        "span": 20778,
        "start": "2026-11-21T00:00:00Z",
        "end": "2026-11-22T00:00:00Z",
        "window_sec": 86400,
    }
    assert report["model_name"] == "taxi"
    assert properties(report) == dict.fromkeys(keys.COUNTS, 0)
    assert sampling_rate(report) is None


def test_counts_are_properties_by_name() -> None:
    tally = Tally()
    tally.count("rows", "written", times=3)
    tally.count("sampling_rates", "0.25")
    report = document(tally, PLAN)
    assert properties(report)["rows_written"] == 3
    assert sampling_rate(report) == 0.25
    tally.count("sampling_rates", "0.5")
    assert sampling_rate(document(tally, PLAN)) is None
