"""What a check before a submission has to say, and all of it at once as one error.

The checks themselves stand in `checks`, `storage_checks` and `parameters`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pipelines.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a check found.

    Attributes:
        check: What was checked, in a word or two: `image`, `parameters`.
        problem: What is wrong: what was expected, what was received.
        remedy: What to do about it.
        serious: Whether it stops the submission; a remark otherwise.
    """

    check: str
    problem: str
    remedy: str = ""
    serious: bool = True

    def __str__(self) -> str:
        return f"{self.check}: {self.problem}" + (f" {self.remedy}" if self.remedy else "")


class NotReadyError(UsageError):
    """A submission that would fail later, with every reason that was found.

    Attributes:
        findings: The serious ones.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        lines = [f"{count} thing{'s' if count > 1 else ''} to mend; nothing was uploaded."]
        lines += [f"- {finding}" for finding in self.findings]
        super().__init__("\n".join(lines))


def raise_serious(findings: Iterable[Finding]) -> None:
    """Raises `NotReadyError` with the serious ones; does nothing when there are none."""
    serious = [finding for finding in findings if finding.serious]
    if serious:
        raise NotReadyError(serious)
