"""What a check of skew is held to: which distances, how often it may err, what it must not miss.

Every distance takes its share of the rate of false alarms, and a test at a hundredth of it needs
little more of a change than one at a fiftieth; so those that see different things go together. Of
numbers, Kolmogorov-Smirnov sees a shift, the stability index a change of spread and an hour's
offset with half the rows that the former takes. Of categories, chi-square sees many small changes,
the largest deviance a single new or lost one. `benchmarks/skew.py` has the rates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from components.skew_validator import distances
from components.skew_validator.sample import CATEGORICAL, NUMERIC


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """What a check is held to.

    Attributes:
        numeric: Names of the distances that numeric features are measured by. Only `absence` looks
            at missing rows, and distances on an axis leave NaN and infinities to it.
        categorical: Likewise for categories.
        floors: By name of a distance, what it must exceed to alarm, however significant it is: with
            a million rows a difference that nobody minds is significant. The thresholds of a
            schema's comparators are not among them: `comparators` holds those.
        false_alarm_rate: Chance of one alarm or more in a whole check when nothing has changed, in
            (0, 1).
        detectable_shift: A change of a share (of 0.2, say: from 40 % to 60 % of the values) that
            has to be found, in (0, 1]. A comparison of too few rows for it is NOT_COMPARED.
        power: How likely that has to be, in (0, 1).
        optional: Names of features that may stay uncompared.
    """

    numeric: tuple[str, ...] = ("kolmogorov_smirnov", "psi", "absence", "whole_numbers")
    categorical: tuple[str, ...] = ("chi_square", "largest_deviance", "absence")
    floors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    false_alarm_rate: float = 0.01
    detectable_shift: float = 0.2
    power: float = 0.8
    optional: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, share in (
            ("false_alarm_rate", self.false_alarm_rate),
            ("power", self.power),
        ):
            if not 0 < share < 1:
                raise ValueError(f"{name}: expected a number between 0 and 1, received {share!r}.")
        if not 0 < self.detectable_shift <= 1:
            raise ValueError(
                "detectable_shift: expected a share above 0 and at most 1, received "
                f"{self.detectable_shift!r}."
            )
        for kind, chosen in ((NUMERIC, self.numeric), (CATEGORICAL, self.categorical)):
            _require_distances(kind, chosen)
        for name, floor in self.floors.items():
            distances.get(name)
            if not floor >= 0:
                raise ValueError(f"floors: expected 0 or more for {name!r}, received {floor!r}.")

    def distances_for(self, kind: str) -> tuple[distances.Distance, ...]:
        """Returns the distances that samples of a kind are measured by."""
        chosen = self.numeric if kind == NUMERIC else self.categorical
        return tuple(map(distances.get, chosen))


def _require_distances(kind: str, chosen: tuple[str, ...]) -> None:
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"{kind}: expected at least one distance, each named once; received {chosen!r}."
        )
    for name in chosen:
        if kind not in distances.get(name).kinds:
            raise ValueError(f"{kind}: the distance {name!r} is not defined for such features.")
