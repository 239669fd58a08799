import pytest

from pipelines.lineage.keys import RunState
from pipelines.verdicts import GateResult, Objection, outcome

FARE = Objection(subject="fare", reason="is text")
AUC = Objection(subject="auc on overall", reason="0.6 is below the bound 0.8")
SOUND = GateResult(node_id="validator", state=RunState.ANOMALIES)
ANOMALOUS = GateResult(node_id="validator", state=RunState.ANOMALIES, objections=(FARE,))
BLESSED = GateResult(node_id="evaluator", state=RunState.REJECTED, blessed=True)
REJECTED = GateResult(node_id="evaluator", state=RunState.REJECTED, objections=(AUC, FARE))
CRASH = [("Transform", "ValueError: fare\nmore")]


@pytest.mark.parametrize(
    ("gates", "failures", "cancelled", "complete", "state", "exit_code", "reason"),
    [
        ([SOUND, BLESSED], [], False, True, RunState.BLESSED, 0, ""),
        ([SOUND, BLESSED], [], False, False, RunState.SUCCEEDED, 0, ""),
        ([SOUND], [], False, True, RunState.SUCCEEDED, 0, ""),
        ([], [], False, True, RunState.SUCCEEDED, 0, ""),
        ([ANOMALOUS], [], False, False, RunState.ANOMALIES, 3, "fare: is text"),
        ([ANOMALOUS], CRASH, False, False, RunState.ANOMALIES, 3, "fare: is text"),
        ([SOUND], CRASH, False, False, RunState.FAILED, 1, "Transform: ValueError: fare"),
        ([SOUND, BLESSED], CRASH, False, False, RunState.FAILED, 1, "Transform: ValueError: fare"),
        (
            [SOUND, REJECTED],
            [],
            False,
            False,
            RunState.REJECTED,
            4,
            "auc on overall: 0.6 is below the bound 0.8 (and 1 more)",
        ),
        ([ANOMALOUS], CRASH, True, False, RunState.CANCELLED, 130, "stopped by the user"),
    ],
)
def test_outcome(
    gates: list[GateResult],
    failures: list[tuple[str, str]],
    cancelled: bool,
    complete: bool,
    state: str,
    exit_code: int,
    reason: str,
) -> None:
    result = outcome(gates, failures, cancelled=cancelled, complete=complete)
    assert (result.state, result.exit_code, result.reason) == (state, exit_code, reason)
