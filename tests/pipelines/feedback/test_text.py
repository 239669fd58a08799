"""What a check of live performance says."""

from __future__ import annotations

import json

from components.performance_validator.findings import Finding, Findings, rank
from pipelines.feedback import text

DEGRADED = Finding(
    version="7",
    value=0.61,
    interval=(0.58, 0.64),
    bound=0.68,
    baseline=0.7,
    status="DEGRADED",
    reason="expected at least 0.6800, received 0.6100 (0.5800 to 0.6400)",
    rows=900,
    served=1000,
)
FOUND = Findings(
    title="taxi: one day",
    status="DEGRADED",
    cause="auc of version 7: worse",
    findings=rank(
        [
            DEGRADED,
            Finding(version="7", metric="calibration", value=0.79, rows=900),
            Finding(version="7", metric="example_count", value=900.0, rows=900),
            Finding(version="7", arm="stable", value=0.6, interval=(0.5, 0.7), rows=400),
            Finding(
                version="7",
                slice="company=Blue\x1b[2J",
                value=0.5,
                interval=(0.45, 0.55),
                baseline=0.69,
                rows=300,
            ),
            Finding(version="7", slice="company=Red", value=0.7, interval=(0.6, 0.8), baseline=0.7),
        ]
    ),
    counts={"served": 1000, "matched": 900},
    notes=("seen in it",),
)


def test_lines_show_the_verdict_then_what_lost_most():
    assert text.lines(FOUND, ["seen before"]) == [
        "DEGRADED  taxi: one day",
        "  version 7: DEGRADED: expected at least 0.6800, received 0.6100 (0.5800 to 0.6400)",
        "    900 labelled of 1,000 served: calibration 0.79",
        "    arm stable: auc 0.6000 (0.5000 to 0.7000) on 400 rows",
        "    company=Blue\\u001b[2J: auc 0.5000 (0.4500 to 0.5500) on 300 rows, the evaluation's "
        "was 0.6900",
        "labels: 1,000 served, 900 matched",
        "note: seen before",
        "note: seen in it",
    ]


def test_what_was_not_looked_at_has_a_cause():
    found = Findings(title="taxi", status="NOT_COMPARED", cause="nothing was served")
    assert text.lines(found) == ["NOT_COMPARED  taxi", "  nothing was served"]


def test_a_document_is_json_with_all_notes():
    document = text.document(FOUND, ["seen before"])
    assert json.loads(json.dumps(document)) == document
    assert document["notes"] == ["seen before", "seen in it"]
    assert document["findings"][0]["interval"] == [0.58, 0.64]
