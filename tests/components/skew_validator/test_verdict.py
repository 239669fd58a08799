import pytest

from components.skew_validator.calibration import Calibration
from components.skew_validator.verdict import (
    Comparison,
    FeatureVerdict,
    NotCompared,
    Reason,
    Status,
    Verdict,
    judge,
    rank,
)

OK, ALARM, NOT_COMPARED = Status.OK, Status.ALARM, Status.NOT_COMPARED
REASON = NotCompared(Reason.NO_ROWS, "expected rows, received none.")


def calibration(value: float = 0.3, threshold: float = 0.2, p_value: float = 0.001) -> Calibration:
    return Calibration(value=value, threshold=threshold, p_value=p_value, alpha=0.01, splits=999)


def comparison(status: Status, distance: str = "absence", **known) -> Comparison:
    return Comparison(distance=distance, status=status, training=10, serving=10, **known)


def feature(*statuses: Status, name: str = "fare", optional: bool = False) -> FeatureVerdict:
    return FeatureVerdict(
        feature=name, comparisons=tuple(map(comparison, statuses)), optional=optional
    )


@pytest.mark.parametrize(
    ("p_value", "floor", "smallest", "expected"),
    [
        (0.001, 0.0, 0.1, ALARM),
        (0.01, 0.0, 0.1, ALARM),
        (0.011, 0.0, 0.1, OK),
        # An alarm can be trusted however few rows there are; silence cannot.
        (0.001, 0.0, 0.5, ALARM),
        (0.011, 0.0, 0.5, NOT_COMPARED),
        (0.011, 0.0, float("inf"), NOT_COMPARED),
        (0.011, 0.0, 0.2, OK),
        # Significant, but not more than one minds.
        (0.001, 0.3, 0.1, OK),
        (0.001, 0.29, 0.1, ALARM),
        (0.001, 0.4, 0.5, NOT_COMPARED),
    ],
)
def test_a_comparison(p_value, floor, smallest, expected) -> None:
    status, reason = judge(
        calibration(p_value=p_value), floor=floor, smallest_shift=smallest, asked_shift=0.2
    )
    assert status is expected
    assert (reason is not None) == (expected is NOT_COMPARED)
    if reason:
        assert reason.reason is Reason.TOO_FEW_ROWS


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([OK], OK),
        ([OK, OK], OK),
        ([OK, ALARM], ALARM),
        ([NOT_COMPARED, ALARM], ALARM),
        ([OK, NOT_COMPARED], NOT_COMPARED),
        ([], NOT_COMPARED),
    ],
)
def test_a_feature(statuses, expected) -> None:
    assert feature(*statuses).status is expected


@pytest.mark.parametrize(
    ("features", "whole", "expected"),
    [
        ([feature(OK)], None, OK),
        ([feature(OK), feature(ALARM)], None, ALARM),
        ([feature(OK), feature(NOT_COMPARED)], None, NOT_COMPARED),
        ([feature(ALARM), feature(NOT_COMPARED)], None, ALARM),
        ([feature(OK), feature(NOT_COMPARED, optional=True)], None, OK),
        ([feature(OK), feature(ALARM, optional=True)], None, ALARM),
        # Nothing was compared: that may all be optional, a pass it is not.
        ([feature(NOT_COMPARED, optional=True)], None, NOT_COMPARED),
        ([], None, NOT_COMPARED),
        ([], REASON, NOT_COMPARED),
        ([feature(OK)], REASON, NOT_COMPARED),
    ],
)
def test_all_features(features, whole, expected) -> None:
    verdict = Verdict(features=tuple(features), not_compared=whole, alpha=0.01)
    assert verdict.status is expected
    assert verdict.blessed == (expected is OK)


@pytest.mark.parametrize(
    ("distance", "measured", "floor", "expected"),
    [
        ("absence", calibration(0.3, 0.2), 0.0, 1.5),
        ("absence", calibration(0.3, 0.2), 0.1, 1.5),
        ("absence", calibration(0.3, 0.2), 0.6, 0.5),
        # Divergences grow with the square.
        ("jensen_shannon", calibration(0.9, 0.1), 0.0, 3.0),
        ("absence", calibration(0.3, 0.0), 0.0, float("inf")),
        ("absence", calibration(0.0, 0.0), 0.0, 0.0),
        ("absence", None, 0.0, 0.0),
    ],
)
def test_severity_is_the_distance_over_its_bound(distance, measured, floor, expected) -> None:
    found = comparison(ALARM, distance, calibration=measured, floor=floor)
    assert found.severity == pytest.approx(expected)


def test_alarms_rank_first_then_what_was_not_compared_then_the_most_severe() -> None:
    def of(name: str, status: Status, value: float) -> FeatureVerdict:
        one = comparison(status, calibration=calibration(value))
        return FeatureVerdict(feature=name, comparisons=(one,))

    features = [
        of("calm", OK, 0.1),
        of("nearly", OK, 0.19),
        of("unknown", NOT_COMPARED, 0.0),
        of("mild", ALARM, 0.3),
        of("wild", ALARM, 0.9),
    ]
    ranked = [one.feature for one in rank(features)]
    assert ranked == ["wild", "mild", "unknown", "nearly", "calm"]


def test_a_feature_is_as_severe_as_what_alarmed() -> None:
    verdict = FeatureVerdict(
        feature="fare",
        comparisons=(
            comparison(OK, calibration=calibration(0.9), floor=0.1),
            comparison(ALARM, calibration=calibration(0.4)),
        ),
    )
    assert verdict.severity == pytest.approx(2.0)


def test_a_feature_gives_all_its_reasons() -> None:
    other = NotCompared(Reason.NO_VALUES, "none")
    verdict = FeatureVerdict(
        feature="fare",
        comparisons=(comparison(NOT_COMPARED, not_compared=other), comparison(OK)),
        not_compared=REASON,
    )
    assert verdict.reasons == (REASON, other)
