import pytest

from components.skew_validator import distances
from components.skew_validator.terms import Terms


def test_every_distance_can_be_chosen() -> None:
    names = distances.names()
    terms = Terms(numeric=names, floors=dict.fromkeys(names, 0.1))
    assert tuple(one.name for one in terms.distances_for("numeric")) == names


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"false_alarm_rate": 0}, "false_alarm_rate: expected a number between 0 and 1"),
        ({"false_alarm_rate": 1.0}, "false_alarm_rate"),
        ({"power": float("nan")}, "power"),
        ({"detectable_shift": 0}, "detectable_shift: expected a share above 0"),
        ({"detectable_shift": 1.5}, "detectable_shift"),
        ({"numeric": ()}, "numeric: expected at least one distance"),
        ({"numeric": ("psi", "psi")}, "each named once"),
        ({"categorical": ("wasserstein",)}, "'wasserstein' is not defined for such features"),
        ({"categorical": ("chi",)}, "no distance 'chi'"),
        ({"floors": {"chi": 1}}, "no distance 'chi'"),
        ({"floors": {"psi": -1}}, "expected 0 or more for 'psi'"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        Terms(**wrong)
