import pytest

from pipelines import config
from pipelines.continuous.policy import TriggerPolicy
from pipelines.typed_values import ConfigValueError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "0 2 * *"}, "schedule: expected five fields"),
        ({"time_zone": "Mars"}, "time_zone: expected the name of a time zone, received 'Mars'"),
        ({"runs_per_day": 0}, "runs_per_day: expected an integer of at least 1, received 0"),
        ({"new_spans": -1}, "new_spans: expected an integer of at least 0, received -1"),
        ({"cool_down_sec": float("nan")}, "cool_down_sec: expected a number from 0"),
        ({"drift": "yes"}, "drift: expected true or false, received 'yes'"),
    ],
)
def test_a_wrong_value_is_explained(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigValueError) as caught:
        TriggerPolicy(**values)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_it_can_be_recorded_with_a_run() -> None:
    policy = TriggerPolicy(schedule="0 2 * * 1", cool_down_sec=60)
    recorded = config.to_dict(policy)
    assert recorded["cool_down_sec"] == 60.0
    assert TriggerPolicy(**recorded) == policy
