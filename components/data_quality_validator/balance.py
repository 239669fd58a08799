"""Consistency of splits: whether a condition, such as the label's, is as common in both of two."""

from __future__ import annotations

import math
import statistics

from components.data_quality_validator import evaluation
from components.data_quality_validator.columns import Rows
from components.data_quality_validator.errors import NotMeasurable
from components.data_quality_validator.measurement import Finding, percent
from components.data_quality_validator.rules import Balance


class BalanceMeasure:
    """Measures a `Balance`."""

    def __init__(self, rule: Balance) -> None:
        self._rule = rule
        self._rows = 0
        self._counts = {split: [0, 0] for split in rule.splits}

    def add(self, rows: Rows) -> None:
        """Takes a batch; of another split, leaves it."""
        if rows.split in self._counts:
            truths = evaluation.evaluate(self._rule.holds, rows.column, len(rows))
            self._counts[rows.split][0] += int(truths.yes.sum())
            self._counts[rows.split][1] += int(truths.no.sum())
            self._rows += len(rows)

    def result(self) -> Finding:
        """Returns by how much the two shares differ.

        Raises:
            NotMeasurable: A split has too few rows.
        """
        rule = self._rule
        for split, (yes, no) in self._counts.items():
            if yes + no < rule.min_rows:
                raise NotMeasurable(
                    f"split {split!r} has {yes + no:,} rows of which "
                    f"{rule.holds.text!r} is known; expected {rule.min_rows:,} or more"
                )
        one, other = (self._counts[split] for split in rule.splits)
        shares = [yes / (yes + no) for yes, no in (one, other)]
        beyond = exceeds(tuple(one), tuple(other), rule.max_difference, rule.false_alarm_rate)
        difference = abs(shares[0] - shares[1])
        judged = sum(one) + sum(other)
        chance = "" if beyond or difference <= rule.max_difference else ", the rest may be chance"
        return Finding(
            measured=difference,
            bound=rule.max_difference,
            kept=not beyond,
            told=(
                f"{rule.holds.text!r} holds for {percent(shares[0])} of {rule.splits[0]!r} and "
                f"{percent(shares[1])} of {rule.splits[1]!r}; they may differ by "
                f"{percent(rule.max_difference)}{chance}"
            ),
            judged=judged,
            left_out=self._rows - judged,
        )


def exceeds(
    one: tuple[int, ...], other: tuple[int, ...], max_difference: float, rate: float
) -> bool:
    """Whether two shares differ by more than a bound, chance aside.

    A test of the hypothesis that the true shares differ by no more than the bound, by the normal
    approximation with a row added to each of the four counts, which keeps it honest where shares
    are near 0 or 1. In splits of less than a hundred rows the rate may be passed by a twentieth of
    itself.

    Args:
        one: How many rows of the one split say yes, and how many no.
        other: Likewise for the other.
        max_difference: The bound.
        rate: Chance that it is true of shares that do not differ by more.

    Source: Agresti and Caffo 2000, The American Statistician 54(4).
    """
    sizes = [sum(counts) + 2 for counts in (one, other)]
    shares = [(counts[0] + 1) / size for counts, size in zip((one, other), sizes, strict=True)]
    error = math.sqrt(sum(p * (1 - p) / n for p, n in zip(shares, sizes, strict=True)))
    # Two ends, since either of the two may be the larger.
    quantile = statistics.NormalDist().inv_cdf(1 - rate / 2)
    return abs(shares[0] - shares[1]) > max_difference + quantile * error
