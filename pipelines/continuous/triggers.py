"""Whether to run now, and why: `decide`, a pure function of a snapshot and a policy.

1. While a run is under way, nothing is decided.
2. A decision that was taken and not carried out (its process was stopped or killed) is resumed, if
   it is the newest and this watcher's own. It is no new decision, so it costs no budget and waits
   for nothing.
3. Else each trigger says what it sees, in this order: on demand, performance, drift, skew, new
   span, schedule, retry. The first that nothing holds back makes the run. All evidence that the
   others see goes along, even what was too weak by itself: the run answers it too.

A worked example. Span 12 came, and a drift alarm stands in one window of two:

    on demand    sees nothing
    drift        drift alarm on temp in window W09: 1 of 2 windows in a row so far
    new span     new span 12 (6,100 rows): cool-down until 2013-03-04T03:00:00Z after run …
    → nothing now; not before 03:00

At three, `new span` makes a run with the evidence `span:12:1` and `drift:3:W09`. The alarm has to
stand in two more windows before it makes another.

Seeing to it that two watchers do not carry out one decision is left to `ledger`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable

from pipelines.continuous import alarms, brakes, new_span, on_demand, retry, schedule
from pipelines.continuous.brakes import Refusal
from pipelines.continuous.finding import Finding
from pipelines.continuous.policy import TriggerPolicy
from pipelines.continuous.snapshot import Claim, Snapshot, Standing

Trigger = Callable[[Snapshot, TriggerPolicy], Finding | None]

# By priority.
TRIGGERS: tuple[Trigger, ...] = (
    on_demand.look,
    alarms.performance,
    alarms.drift,
    alarms.skew,
    new_span.look,
    schedule.look,
    retry.look,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether to run the pipeline.

    Attributes:
        run: Whether to run it now.
        because: Why, or why not, in words.
        trigger: Which trigger decided; where nothing runs, the first that would.
        evidence: All that the run answers; empty where nothing runs.
        not_before_sec: Where nothing runs, the earliest time at which that may change although
            nothing new happens, seconds since the epoch; None where no time can be told.
        resumes: Whether an earlier decision, of the same id, is carried out.
    """

    run: bool
    because: str
    trigger: str = ""
    evidence: tuple[str, ...] = ()
    not_before_sec: float | None = None
    resumes: bool = False

    @property
    def id(self) -> str:
        """16 hexadecimal digits made of the evidence; empty where nothing runs."""
        return decision_id(self.evidence) if self.run else ""


def decision_id(evidence: Iterable[str]) -> str:
    """Returns the id of the decision that is taken on some evidence, in whatever order."""
    text = "\n".join(sorted(evidence))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def decide(snapshot: Snapshot, policy: TriggerPolicy) -> Decision:
    """Returns whether to run now, and why.

    Args:
        snapshot: What is known.
        policy: What makes a run, and what holds it back.
    """
    busy = brakes.one_at_a_time(snapshot, policy)
    open_claim = _to_resume(snapshot, policy)
    if busy is None and open_claim is not None:
        return _resumed(snapshot, open_claim)
    found = [finding for look in TRIGGERS if (finding := look(snapshot, policy))]
    if not found:
        return Decision(run=False, because=busy.reason if busy else "no trigger asks for a run")
    if busy is not None:
        return _waiting([(finding, (busy,)) for finding in found])
    waiting = []
    for finding in found:
        refused = brakes.refusals(snapshot, policy, finding)
        if not refused:
            return _running(finding, found)
        waiting.append((finding, refused))
    return _waiting(waiting)


def _to_resume(snapshot: Snapshot, policy: TriggerPolicy) -> Claim | None:
    """Returns the newest decision, if it is this watcher's and was not carried out."""
    for claim in snapshot.claims[-1:]:
        is_ours = claim.owner == snapshot.owner
        is_open = snapshot.standing(claim) is Standing.OPEN
        if is_ours and is_open and not retry.is_given_up(snapshot, policy, claim):
            return claim
    return None


def _resumed(snapshot: Snapshot, claim: Claim) -> Decision:
    runs = snapshot.runs_of(claim)
    what = f"run {runs[-1].name} was {runs[-1].state.lower()}" if runs else "its run had not begun"
    return Decision(
        run=True,
        because=f"{claim.because} (resumed: {what})",
        trigger=claim.trigger,
        evidence=claim.evidence,
        resumes=True,
    )


def _running(chosen: Finding, found: Iterable[Finding]) -> Decision:
    others = [finding for finding in found if finding is not chosen]
    because = chosen.what
    if others:
        because += "; answers as well: " + "; ".join(finding.what for finding in others)
    evidence = [text for finding in (chosen, *others) for text in finding.evidence]
    return Decision(run=True, because=because, trigger=chosen.trigger, evidence=tuple(evidence))


def _waiting(waiting: Iterable[tuple[Finding, tuple[Refusal, ...]]]) -> Decision:
    waiting = tuple(waiting)
    texts = [
        f"{finding.what} waits: {'; '.join(refusal.reason for refusal in refused)}"
        for finding, refused in waiting
    ]
    times = [moment for _, refused in waiting if (moment := _ends(refused)) is not None]
    return Decision(
        run=False,
        because=". ".join(texts),
        trigger=waiting[0][0].trigger,
        not_before_sec=min(times, default=None),
    )


def _ends(refused: Iterable[Refusal]) -> float | None:
    """Returns when the last of some reasons ends; None where one has no time."""
    times = [refusal.until_sec for refusal in refused]
    known = [moment for moment in times if moment is not None]
    return max(known) if len(known) == len(times) else None
