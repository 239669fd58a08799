"""The schema's comparators on TFDV's own statistics of rows, TFDV's traps among them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from skew_artifacts import Row, write_rows
from tensorflow_metadata.proto.v0 import schema_pb2

from components.skew_validator import comparators, findings
from components.skew_validator.comparators import Compared
from components.skew_validator.findings import Finding
from components.skew_validator.rows import Rows, read
from components.skew_validator.samples import features, sample_of
from components.skew_validator.skew import check
from components.skew_validator.terms import Terms

LIMITS = {
    "infinity_norm": "infinity_norm { threshold: 0.1 }",
    "jensen_shannon": "jensen_shannon_divergence { threshold: 0.1 }",
    "normalized_abs_difference": "normalized_abs_difference { threshold: 0.1 }",
}


def schema(kind: str, distance: str, field: str = "skew_comparator") -> schema_pb2.Schema:
    text = f"""
        default_environment: "SERVING"
        feature {{
            name: "x" type: {kind} presence {{ min_count: 1 }}
            {field} {{ {LIMITS[distance]} }}
        }}"""
    return text_format.Parse(text, schema_pb2.Schema())


def rows(path: Path, values: list) -> Rows:
    def whatever(name: str) -> bool:
        return True

    written = write_rows(path, [Row(x=value) for value in values])
    rng = np.random.default_rng(0)
    return read([written], wanted=whatever, described=whatever, max_rows=10**6, rng=rng)


def compare(
    folder: Path, asked: schema_pb2.Schema, training: list, serving: list, against: str = "training"
) -> tuple[Compared, Finding]:
    sides = rows(folder / "training.gz", training), rows(folder / "serving.gz", serving)
    [feature] = features(asked, "SERVING")
    samples = sample_of(sides[0], feature), sample_of(sides[1], feature)
    assert sides[0].statistics
    assert sides[1].statistics
    [found] = comparators.measure(
        sides[0].statistics,
        sides[1].statistics,
        asked,
        against=against,
        names={"x"},
        samples={"x": samples},
    )
    verdict = check(
        {"x": samples[0]},
        {"x": samples[1]},
        terms=Terms(),
        rng=np.random.default_rng(1),
    )
    return found, comparators.judge(found, verdict.features[0])


def test_what_tfdv_measures_is_taken(tmp_path: Path) -> None:
    asked = schema("BYTES", "infinity_norm")
    found, finding = compare(tmp_path, asked, [b"a"] * 500 + [b"b"] * 500, [b"a"] * 1000)
    assert found.value == pytest.approx(0.5)
    assert found.note == ""
    assert finding.status == findings.ALARM
    [measure] = finding.measures
    assert (measure.threshold, measure.p_value) == (0.1, None)
    assert (measure.training, measure.serving) == (1000, 1000)


def test_below_the_threshold_all_is_well(tmp_path: Path) -> None:
    asked = schema("BYTES", "infinity_norm")
    _, finding = compare(tmp_path, asked, [b"a"] * 500 + [b"b"] * 500, [b"a"] * 52 + [b"b"] * 48)
    assert finding.status == findings.OK


def test_drift_is_read_of_the_other_comparator(tmp_path: Path) -> None:
    asked = schema("BYTES", "infinity_norm", "drift_comparator")
    values = [b"a"] * 500 + [b"b"] * 500, [b"a"] * 1000
    found, finding = compare(tmp_path, asked, *values, against="previous")
    assert found.value == pytest.approx(0.5)
    assert finding.status == findings.ALARM
    with pytest.raises(ValueError, match="not enough values"):
        compare(tmp_path, asked, *values, against="training")


def test_the_infinity_norm_of_numbers_is_not_zero(tmp_path: Path) -> None:
    # Half in the lowest and half in the highest of ten buckets, against a tenth and the others.
    found, finding = compare(
        tmp_path,
        schema("FLOAT", "infinity_norm"),
        [0.0, 10.0] * 500,
        [0.0] * 100 + [10.0] * 900,
    )
    assert found.value == pytest.approx(0.4, abs=0.01)
    assert "TFDV gives 0" in found.note
    assert finding.status == findings.ALARM


def test_few_rows_beyond_a_threshold_are_no_alarm(tmp_path: Path) -> None:
    # One normal: by chance, the divergence of ten rows is far beyond what a thousand may have.
    rng = np.random.default_rng(3)
    asked = schema("FLOAT", "jensen_shannon")
    found, finding = compare(
        tmp_path, asked, rng.normal(size=1000).tolist(), rng.normal(size=10).tolist()
    )
    assert found.value is not None
    assert found.value > 0.1
    assert finding.status == findings.NOT_COMPARED
    assert "too few rows" in finding.reason


def test_a_threshold_that_chance_exceeds_is_no_alarm(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    asked = schema("FLOAT", "jensen_shannon")
    asked.feature[0].skew_comparator.jensen_shannon_divergence.threshold = 0.0001
    values = [rng.normal(size=1000).tolist() for _ in range(2)]
    found, finding = compare(tmp_path, asked, *values)
    assert found.value is not None
    assert found.value > 0.0001
    assert finding.status == findings.OK
    assert "by chance" in finding.reason


@pytest.mark.parametrize("distance", ["jensen_shannon", "infinity_norm"])
def test_equal_shares_of_nan_are_no_difference(tmp_path: Path, distance: str) -> None:
    values = [math.nan, 0.0, 10.0, 5.0] * 250
    found, finding = compare(tmp_path, schema("FLOAT", distance), values, values)
    assert found.value == pytest.approx(0.0, abs=1e-9)
    assert finding.status == findings.OK


def test_nan_that_was_not_there_is_a_difference(tmp_path: Path) -> None:
    # p = (1, 0), q = (1/2, 1/2): m = (3/4, 1/4), so JS = 1.5 - 0.75 log2(3) = 0.3113 bits.
    found, finding = compare(
        tmp_path, schema("FLOAT", "jensen_shannon"), [1.0] * 1000, [1.0, math.nan] * 500
    )
    assert found.value == pytest.approx(1.5 - 0.75 * math.log2(3), abs=1e-6)
    assert "bins of their own" in found.note
    assert finding.status == findings.ALARM


def test_texts_beyond_the_thousandth_are_seen(tmp_path: Path) -> None:
    # The 1,200 rarest of 2,200 are all different: a distance of 1,200 rows to each side.
    common = [b"common %04d" % place for place in range(1000)] * 2
    training = common + [b"old %04d" % place for place in range(1200)]
    serving = common + [b"new %04d" % place for place in range(1200)]
    found, _ = compare(tmp_path, schema("BYTES", "jensen_shannon"), training, serving)
    # Of the shares 1200 / 3200 on each side nothing overlaps, of the others all does.
    assert found.value == pytest.approx(1200 / 3200)
    assert "1,000 most frequent" in found.note


def test_the_normalized_difference_is_honoured(tmp_path: Path) -> None:
    asked = schema("BYTES", "normalized_abs_difference")
    found, finding = compare(tmp_path, asked, [b"a"] * 500 + [b"b"] * 500, [b"a"] * 1000)
    assert found.value is not None
    assert found.value > 0.1
    assert finding.status == findings.ALARM


def test_without_values_nothing_is_compared(tmp_path: Path) -> None:
    found, finding = compare(
        tmp_path, schema("BYTES", "infinity_norm"), [b"a"] * 1000, [None] * 1000
    )
    assert found.value is None
    assert finding.status == findings.NOT_COMPARED
