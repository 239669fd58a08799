"""How a run ends, decided from what its nodes and gates reported.

A gate is a node whose result can stop a run: one that lists anomalies in the data, or one that
blesses a model or refuses to. Reading those results from artifacts is left to
`pipelines.runners.local.gates`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from pipelines.lineage.keys import RunState

EXIT_CODES = {
    RunState.BLESSED: 0,
    RunState.SUCCEEDED: 0,
    RunState.FAILED: 1,
    RunState.ANOMALIES: 3,
    RunState.REJECTED: 4,
    RunState.CANCELLED: 130,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objection:
    """One reason why a gate stops a run.

    Attributes:
        subject: The feature, or the metric and slice, concerned.
        reason: What is wrong with it, with the value and the bound.
        remedy: What to do about it.
    """

    subject: str
    reason: str
    remedy: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateResult:
    """What a gate said.

    Attributes:
        node_id: The gate.
        state: The state that the run gets if it stops here: ANOMALIES or REJECTED.
        objections: Why it stops; empty when it lets the run pass.
        blessed: Whether the gate blessed a model; false for gates that judge data.
    """

    node_id: str
    state: str
    objections: tuple[Objection, ...] = ()
    blessed: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: A value of `RunState`.
        reason: One line for a list of runs; empty when all went well.
        objections: What stopped the run, if a gate did.
    """

    state: str
    reason: str = ""
    objections: tuple[Objection, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the process exits with."""
        return EXIT_CODES[self.state]


def outcome(
    gates: Iterable[GateResult],
    failures: Sequence[tuple[str, str]],
    *,
    cancelled: bool,
    complete: bool,
) -> Outcome:
    """Returns how a run ended.

    Anomalies in the data come before a failure: they usually explain it.

    Args:
        gates: The results of the gates that have spoken.
        failures: Node id and root cause of each node that failed.
        cancelled: Whether the user stopped the run.
        complete: Whether every node of the pipeline is done.
    """
    gates = tuple(gates)
    if cancelled:
        return Outcome(state=RunState.CANCELLED, reason="stopped by the user")
    for state in (RunState.ANOMALIES, RunState.FAILED, RunState.REJECTED):
        if state == RunState.FAILED:
            if failures:
                node_id, cause = failures[0]
                return Outcome(state=state, reason=f"{node_id}: {cause.splitlines()[0]}")
            continue
        stopping = [gate for gate in gates if gate.state == state and gate.objections]
        if stopping:
            objections = tuple(o for gate in stopping for o in gate.objections)
            more = f" (and {len(objections) - 1} more)" if len(objections) > 1 else ""
            reason = f"{objections[0].subject}: {objections[0].reason}{more}"
            return Outcome(state=state, reason=reason, objections=objections)
    if complete and any(gate.blessed for gate in gates):
        return Outcome(state=RunState.BLESSED)
    return Outcome(state=RunState.SUCCEEDED)
