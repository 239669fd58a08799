"""How small a change two samples can show at all.

The plainest change there is: a share of the values, those above some number or of some category,
grows from (1 - d) / 2 to (1 + d) / 2. A test of that one share, at the rate `alpha`, finds it with
the power asked if

    d >= (z(1 - alpha / 2) + z(power)) / 2 * sqrt(1 / n + 1 / m)

where z are quantiles of the normal distribution. Shares of a half are the hardest to compare. The
distances look at all shares at once and need a little more, so this is a bound from below: with
fewer rows nobody can tell, with many more everybody can.

    1,000,000 against 10 rows at alpha 0.0005    ->  0.68
    1,000,000 against 1,000                      ->  0.07

Source: Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, ch. 4, without
continuity correction.
"""

from __future__ import annotations

import math

from scipy import special


def detectable_shift(training: int, serving: int, alpha: float, power: float) -> float:
    """Returns the smallest change of a share that is found with the power asked.

    Args:
        training: Values in the training sample.
        serving: Values in the serving sample.
        alpha: Rate of false alarms of this one test, in (0, 1).
        power: Chance to find the change, in (0, 1).

    Returns:
        Above 0; above 1 where no change could be found, infinite where a sample is empty.
    """
    if training <= 0 or serving <= 0:
        return math.inf
    reach = special.ndtri(1 - alpha / 2) + special.ndtri(power)
    return float(reach / 2 * math.sqrt(1 / training + 1 / serving))
