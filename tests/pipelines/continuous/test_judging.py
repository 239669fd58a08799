"""What a check of skew says of its two questions, as a table."""

from __future__ import annotations

from typing import Literal

import pytest

from components.performance_validator import findings as performance
from components.skew_validator.findings import Finding, Findings
from pipelines.continuous import judging
from pipelines.continuous.windows import Window

WINDOW = Window(start_sec=0, end_sec=86_400)


def finding(kind: str, status: str, feature: str = "temp", *, optional: bool = False) -> Finding:
    return Finding(kind=kind, feature=feature, status=status, optional=optional)


@pytest.mark.parametrize(
    ("findings", "skew", "drift"),
    [
        pytest.param(
            [finding("schema", "OK"), finding("distribution", "OK")], "OK", "OK", id="all is well"
        ),
        pytest.param(
            [finding("schema", "ALARM"), finding("distribution", "OK")],
            "ALARM",
            "OK",
            id="fed wrongly",
        ),
        pytest.param(
            [finding("schema", "OK"), finding("comparator", "ALARM")],
            "OK",
            "ALARM",
            id="moved, by a threshold of the schema",
        ),
        pytest.param(
            [finding("schema", "OK"), finding("prediction", "ALARM")],
            "OK",
            "ALARM",
            id="moved",
        ),
        pytest.param(
            [finding("feature", "NOT_COMPARED"), finding("distribution", "ALARM")],
            "NOT_COMPARED",
            "ALARM",
            id="one could not be compared",
        ),
        pytest.param(
            [finding("feature", "NOT_COMPARED", optional=True), finding("schema", "OK")],
            "OK",
            "NOT_COMPARED",
            id="what may stay uncompared does not count, and nothing said is not OK",
        ),
        pytest.param([], "NOT_COMPARED", "NOT_COMPARED", id="nothing was found out"),
    ],
)
def test_verdicts_of_a_check(findings: list[Finding], skew: str, drift: str) -> None:
    statuses = {one.status for one in findings if not one.optional}
    whole = next((s for s in ("ALARM", "NOT_COMPARED") if s in statuses), "OK")
    found = Findings(title="t", against="training", status=whole, findings=tuple(findings))
    kinds: list[Literal["skew", "drift"]] = ["skew", "drift"]

    verdicts = [judging.skew_verdict(kind, WINDOW, found, "3") for kind in kinds]

    assert [one.status for one in verdicts] == [skew, drift]
    assert {one.model_version for one in verdicts} == {"3"}


def test_the_cause_names_the_worst_features_once() -> None:
    alarms = [finding("distribution", "ALARM", name) for name in ("a", "b", "a", "c", "d", "e")]
    found = Findings(title="t", against="training", status="ALARM", findings=tuple(alarms))

    assert judging.skew_verdict("drift", WINDOW, found, "").cause == "a, b, c and 2 more"


KNOWN = "auc 0.6 to 0.7, expected at least 0.65"


@pytest.mark.parametrize(
    ("versions", "status", "version", "cause"),
    [
        pytest.param({"3": ("OK", 900, 900)}, "OK", "3", KNOWN, id="one"),
        pytest.param({"3": ("OK", 900, None)}, "OK", "3", KNOWN, id="nobody counted the answers"),
        pytest.param(
            {"3": ("DEGRADED", 100, 100), "4": ("OK", 800, 800)},
            "OK",
            "4",
            KNOWN,
            id="a candidate that was taken back says nothing of the one that serves",
        ),
        pytest.param(
            {"3": ("DEGRADED", 900, 900), "4": ("NOT_COMPARED", 10, 10)},
            "DEGRADED",
            "3",
            KNOWN,
            id="degraded",
        ),
        pytest.param(
            {"3": ("OK", 600, 600), "4": ("NOT_COMPARED", 100, 1000)},
            "NOT_COMPARED",
            "4",
            "too few",
            id="the one that answered most has few labels",
        ),
        pytest.param(
            {"3": ("OK", 600, 600), "4": ("DEGRADED", 500, 1000)},
            "DEGRADED",
            "4",
            KNOWN,
            id="the one that answered most has fewer labels and is degraded",
        ),
        pytest.param(
            {"3": ("OK", 40, 40), "4": ("NOT_COMPARED", 35, 35), "5": ("NOT_COMPARED", 25, 25)},
            "NOT_COMPARED",
            "3",
            "auc of version 4: too few",
            id="most is not known to be well",
        ),
        pytest.param(
            {"3": ("NOT_COMPARED", 900, 900), "4": ("DEGRADED", 100, 100)},
            "NOT_COMPARED",
            "3",
            "too few",
            id="a candidate that is degraded does not tell of the other",
        ),
        pytest.param({}, "NOT_COMPARED", "", "nothing was served", id="nothing"),
    ],
)
def test_performance_is_that_of_the_version_that_answered_most(
    versions: dict[str, tuple[str, int, int | None]], status: str, version: str, cause: str
) -> None:
    ranked = performance.rank(
        performance.Finding(
            version=name,
            status=said,
            rows=rows,
            served=served,
            interval=(0.6, 0.7),
            bound=0.65,
            reason="too few",
        )
        for name, (said, rows, served) in versions.items()
    )
    whole = performance.status_of(ranked)
    found = performance.Findings(
        title="t", status=whole, cause=performance.cause_of(ranked, whole), findings=ranked
    )

    verdict = judging.performance_verdict(WINDOW, found)

    assert (verdict.status, verdict.model_version, verdict.cause) == (status, version, cause)
