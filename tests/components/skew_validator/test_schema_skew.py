"""What TFDV says of what was served, and what is made of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.skew_validator import findings, schema_skew
from components.skew_validator.findings import Finding
from components.skew_validator.verdict import NotCompared, Reason

SCHEMA = """
    default_environment: "TRAINING"
    default_environment: "SERVING"
    feature { name: "fare" type: FLOAT presence { min_fraction: 1.0 min_count: 1 }
              float_domain { min: 0 max: 100 } }
    feature { name: "company" type: BYTES presence { min_fraction: 0.5 min_count: 1 } }
    feature { name: "tract" type: INT int_domain { min: 10 max: 99 } }
    feature { name: "tips" type: FLOAT presence { min_fraction: 1.0 min_count: 1 } }
    feature { name: "payment" type: BYTES domain: "payment"
              distribution_constraints { min_domain_mass: 0.9 } }
    feature { name: "kind" type: BYTES string_domain { value: "a" } }
    string_domain { name: "payment" value: "Cash" value: "Card" }
    feature { name: "place" type: FLOAT not_in_environment: "SERVING" }
"""


def schema() -> schema_pb2.Schema:
    return text_format.Parse(SCHEMA, schema_pb2.Schema())


def statistics(rows: int = 1000, **columns: Any) -> statistics_pb2.DatasetFeatureStatisticsList:
    whole = {"fare": 9.5, "company": "Blue", "tips": 1.5} | columns
    frame = pd.DataFrame(
        {
            name: value if isinstance(value, list) else [value] * rows
            for name, value in whole.items()
        }
    )
    kept = [name for name, value in whole.items() if value is not ...]
    return tfdv.generate_statistics_from_dataframe(frame[kept])


def found(told: statistics_pb2.DatasetFeatureStatisticsList, label: str = "") -> dict[str, Finding]:
    anomalies = schema_skew.validate(told, schema(), "SERVING", label=label)
    assert isinstance(anomalies, anomalies_pb2.Anomalies)
    rows = told.datasets[0].num_examples
    return {one.feature: one for one in schema_skew.findings_of(anomalies, schema(), rows)}


def test_what_obeys_the_schema_has_no_finding() -> None:
    assert found(statistics()) == {}


def test_a_column_that_is_gone_is_named() -> None:
    [finding] = found(statistics(company=...)).values()
    assert (finding.feature, finding.status) == ("company", findings.ALARM)
    assert finding.reason == (
        "expected a value in 50% of the rows or more, received none in 1,000 rows."
    )


def test_a_value_out_of_its_domain_is_told_in_tfdvs_words() -> None:
    [finding] = found(statistics(fare=950.0)).values()
    assert finding.status == findings.ALARM
    assert finding.reason.startswith("Out-of-range values: Unexpectedly high value: 950>100")


def test_a_new_column_alarms_unless_the_log_added_it() -> None:
    told = found(statistics(surge=1.5, ringway_served_at=1795))
    assert list(told) == ["surge"]
    assert told["surge"].status == findings.ALARM


def test_a_column_of_other_environments_is_a_remark() -> None:
    [finding] = found(statistics(place=41.9)).values()
    assert (finding.feature, finding.status) == ("place", findings.OK)


def test_a_label_that_is_not_served_is_not_asked_for() -> None:
    assert list(found(statistics(tips=...))) == ["tips"]
    assert found(statistics(tips=...), label="tips") == {}


def test_a_column_without_values_is_not_out_of_its_domain() -> None:
    told = statistics()
    empty = told.datasets[0].features.add()
    empty.path.step.append("tract")
    empty.type = statistics_pb2.FeatureNameStatistics.INT
    empty.num_stats.common_stats.num_missing = 1000
    assert found(told) == {}


@pytest.mark.parametrize(
    ("rows", "present", "status"),
    # Below a bound of a half: 8 of 20 come about by chance, 400 of 1,000 do not.
    [(20, 8, findings.NOT_COMPARED), (1000, 400, findings.ALARM)],
)
def test_few_rows_below_a_fraction_are_no_alarm(rows: int, present: int, status: str) -> None:
    told = statistics(rows, company=["Blue"] * present + [None] * (rows - present))
    [finding] = found(told).values()
    assert (finding.feature, finding.status) == ("company", status)


@pytest.mark.parametrize(
    ("rows", "others", "status"),
    # One in ten may be another: 4 of 20 come about by chance, 200 of 1,000 do not.
    [(20, 4, findings.NOT_COMPARED), (1000, 200, findings.ALARM)],
)
def test_few_rows_below_a_domains_mass_are_no_alarm(rows: int, others: int, status: str) -> None:
    told = statistics(rows, payment=["Barter"] * others + ["Cash"] * (rows - others))
    [finding] = found(told).values()
    assert (finding.feature, finding.status) == ("payment", status)


def test_one_value_out_of_a_closed_domain_is_an_alarm() -> None:
    [finding] = found(statistics(kind=["a"] * 999 + ["b"])).values()
    assert (finding.feature, finding.status) == ("kind", findings.ALARM)


def test_a_schema_without_the_environment_cannot_be_asked() -> None:
    asked = schema()
    del asked.default_environment[:]
    refused = schema_skew.validate(statistics(), asked, "SERVING")
    assert isinstance(refused, NotCompared)
    assert "received one with none" in refused.detail


@pytest.mark.parametrize("datasets", [0, 1])
def test_no_rows_cannot_be_asked(datasets: int) -> None:
    told = statistics_pb2.DatasetFeatureStatisticsList()
    for _ in range(datasets):
        told.datasets.add()
    refused = schema_skew.validate(told, schema(), "SERVING")
    assert isinstance(refused, NotCompared)
    assert refused.reason is Reason.NO_ROWS
