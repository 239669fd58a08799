import dataclasses
import json
import math

from components.skew_validator.findings import Finding, Findings, Measure
from pipelines.skew import text

FARE = Finding(
    kind="distribution",
    feature="fare",
    status="ALARM",
    severity=30.0,
    reason="expected values as in training, received others",
    measures=(
        Measure(
            distance="kolmogorov_smirnov",
            value=0.98123,
            threshold=0.0312,
            p_value=1e-9,
            training=10_036,
            serving=4_966,
            status="ALARM",
        ),
        Measure(distance="absence", value=0.0, threshold=0.001, p_value=1.0),
    ),
    first_seen="2026-11-21T16:00:00Z",
)
COMPANY = Finding(
    kind="schema", feature="company", status="ALARM", reason="expected in every row, is in none"
)
TRIP = Finding(
    kind="feature",
    feature="trip_miles",
    status="ALARM",
    reason="expected equal values, 12 % differ",
    examples=tuple((f"trip {i}", "1.0", "1.6") for i in range(5)),
    mismatch_rate=0.12,
)
MONTH = Finding(kind="distribution", feature="month", status="NOT_COMPARED", reason="too few rows")
FINE = Finding(kind="distribution", feature="hour", status="OK")


def findings(*found, **fields):
    values = {"title": "taxi", "against": "training", "status": "ALARM", "cause": "fare: differs"}
    return Findings(findings=found, **(values | fields))


def test_an_alarm_is_a_line_with_feature_value_threshold_and_chance():
    [head, alarm] = text.lines(findings(FARE, FINE))
    assert head == "ALARM  taxi"
    assert alarm.startswith("  fare: distribution: expected values as in training")
    assert "(kolmogorov_smirnov 0.9812 above 0.0312, p < 0.0001)" in alarm
    assert "First seen 2026-11-21T16:00:00Z." in alarm
    assert "absence" not in alarm


def test_a_measure_that_the_reason_tells_of_is_not_told_twice():
    told = dataclasses.replace(FARE, reason="half is elsewhere (kolmogorov_smirnov 0.981)")
    [_, alarm] = text.lines(findings(told))
    assert alarm.count("kolmogorov_smirnov") == 1


def test_an_alarm_without_measures_has_its_reason():
    [_, alarm] = text.lines(findings(COMPANY))
    assert alarm == "  company: schema: expected in every row, is in none"


def test_three_examples_of_differing_rows_are_shown():
    told = text.lines(findings(TRIP))
    assert told[2:] == [f"    trip {i} | 1.0 | 1.6" for i in range(3)]


def test_what_was_not_compared_has_its_reason_and_long_lists_end():
    many = [MONTH] * 15
    told = text.lines(findings(*many, status="NOT_COMPARED", cause="month: too few rows"))
    assert told[:2] == ["NOT_COMPARED  taxi", "  month: too few rows"]
    assert told.count("  month: too few rows") == 13
    assert told[-1] == "  and 3 more"


def test_sizes_counts_and_notes_are_told():
    told = text.lines(
        findings(
            status="OK",
            cause="",
            serving_rows=4_966,
            training_rows=10_036,
            serving_what="from 16:00 to 17:00",
            training_what="split train",
            model_versions=("7", "8"),
            counts={
                "shards_read": 2,
                "shards_torn": 1,
                "records_found": 90,
                "records_used": 78,
                "records_late": 3,
                "records_corrupt": 0,
                "records_not_readable": 0,
                "rows_written": 4_966,
                "rows_duplicate": 0,
                "values_not_cast": 7,
            },
            notes=("of the validator",),
        ),
        notes=("of the log",),
    )
    assert told == [
        "OK  taxi",
        "rows: 4,966 (from 16:00 to 17:00, by 7, 8)",
        "against: 10,036 (split train)",
        "log: 78 records used, 4,966 rows written, 3 records late, 0 records corrupt, "
        "0 rows duplicate, 1 shards torn, 7 values not cast",
        "note: of the log",
        "note: of the validator",
    ]


def test_a_fixed_threshold_has_no_chance_and_the_larger_bound_is_told():
    measure = Measure(distance="infinity_norm", value=0.2, threshold=0.01, floor=0.05)
    assert text.measure_text(measure) == "infinity_norm 0.2 above 0.05"
    likely = Measure(distance="psi", value=0.2, threshold=0.1, p_value=0.004)
    assert text.measure_text(likely) == "psi 0.2 above 0.1, p = 0.004"


def test_json_holds_everything_infinities_included():
    endless = Finding(kind="schema", feature="x", status="ALARM", severity=math.inf)
    found = text.document(findings(FARE, endless), ["a note"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["findings"][0]["measures"][0]["threshold"] == 0.0312
    assert found["notes"] == ["a note"]
