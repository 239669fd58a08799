import pytest

from pipelines.continuous.alerts import Alert
from pipelines.continuous.attempts import Attempt, DeliveryState, Patience, Step, next_step

ALERT = Alert(pipeline="flights", kind="drift", subject="drift::w1", text="", raised_sec=1_000.0)
DELIVERED, FAILED, SENDING = DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.SENDING


def attempts(state: DeliveryState, number: int = 1) -> tuple[Attempt, ...]:
    """Returns attempts up to that one: it began at 2000 and ended at 2001."""
    ended = None if state is SENDING else 2_001.0
    earlier = [
        Attempt(number=n, state=FAILED, began_sec=2_000.0, ended_sec=2_001.0)
        for n in range(1, number)
    ]
    last = Attempt(number=number, state=state, began_sec=2_000.0, ended_sec=ended, error="503")
    return (*earlier, last)


@pytest.mark.parametrize(
    ("tried", "now", "resend", "step"),
    [
        ((), 1_000, False, Step.SEND),
        ((), 1_000 + 3 * 86_400, False, Step.SEND),
        ((), 1_001 + 3 * 86_400, False, Step.GIVE_UP),
        (attempts(DELIVERED), 9e9, True, Step.DONE),
        # Ten seconds after the first failure, twice as long each time, never more than an hour.
        (attempts(FAILED), 2_010.9, False, Step.WAIT),
        (attempts(FAILED), 2_011, False, Step.SEND),
        (attempts(FAILED, 2), 2_020.9, False, Step.WAIT),
        (attempts(FAILED, 2), 2_021, False, Step.SEND),
        (attempts(FAILED, 5), 2_160.9, False, Step.WAIT),
        (attempts(FAILED, 5), 2_161, False, Step.SEND),
        (attempts(FAILED, 15), 2_001 + 3_599.9, False, Step.WAIT),
        (attempts(FAILED, 15), 2_001 + 3_600, False, Step.SEND),
        (attempts(FAILED, 20), 2_001 + 3_600, False, Step.GIVE_UP),
        (attempts(FAILED), 1_001 + 3 * 86_400, False, Step.GIVE_UP),
        # Under way, or killed: nobody knows until it is long enough ago.
        (attempts(SENDING), 2_119.9, True, Step.WAIT),
        (attempts(SENDING), 2_119.9, False, Step.WAIT),
        (attempts(SENDING), 2_120, True, Step.SEND),
        (attempts(SENDING), 2_120, False, Step.GIVE_UP),
        (attempts(SENDING, 20), 2_120, True, Step.GIVE_UP),
    ],
)
def test_what_to_do(tried: tuple[Attempt, ...], now: float, resend: bool, step: Step) -> None:
    patience = Patience(max_attempts=20)
    decided, why = next_step(ALERT, tried, now_sec=now, resend_in_doubt=resend, patience=patience)
    assert decided is step
    assert bool(why) == (step in {Step.WAIT, Step.GIVE_UP})


def test_a_long_row_of_failures_stays_finite() -> None:
    patience = Patience(max_attempts=10_000)
    tried = (Attempt(number=5_000, state=FAILED, began_sec=2_000.0, ended_sec=2_001.0),)
    step, why = next_step(ALERT, tried, now_sec=2_002, resend_in_doubt=True, patience=patience)
    assert step is Step.WAIT
    assert why == "attempt 5000 failed (); again at 1970-01-01T01:33:21Z"
