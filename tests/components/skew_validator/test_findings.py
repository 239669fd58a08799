from __future__ import annotations

import math

import pytest

from components.skew_validator.findings import (
    ALARM,
    Finding,
    Findings,
    Histogram,
    Measure,
    from_json,
    to_json,
)


def test_json_makes_the_same_findings_again() -> None:
    measure = Measure(distance="psi", value=math.inf, threshold=0.1, p_value=0.001, status=ALARM)
    finding = Finding(
        kind="feature",
        feature="naïve",
        status=ALARM,
        severity=math.inf,
        measures=(measure,),
        histogram=Histogram(labels=("a", "missing"), training=(1.0, 0.0), serving=(0.5, 0.5)),
        examples=(("id", "1", "2"),),
        mismatch_rate=0.25,
    )
    findings = Findings(
        title="taxi",
        against="training",
        status=ALARM,
        findings=(finding, Finding(kind="schema", feature="", status="OK")),
        model_versions=("7",),
        counts={"records_late": 2},
        notes=("a note",),
    )
    text = to_json(findings)
    assert from_json(text) == findings
    assert to_json(from_json(text)) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [{"kind": "schema"}]}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expected findings of a check of skew in JSON"):
        from_json(text)
