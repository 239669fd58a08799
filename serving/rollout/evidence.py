"""How strongly counts speak against a hypothesis, valid however often one looks.

A guard is asked at every tick, and acts the first time it has reason to. A usual test that rejects
one sound version in a hundred when asked once rejects far more when asked again and again. So what
is computed here is an e-process: a number that starts at 1 and, while the hypothesis is true, ever
reaches 1 / alpha with a chance of at most alpha, over all looks together (Ville's inequality). Who
rejects when it does has an error of at most alpha at any stopping time, with no plan of looks and
no approximation for large samples.

For counts it is the ratio of two likelihoods of all that was seen so far,

    E = (mean over Jeffreys' prior of the share, or shares) / (largest within the hypothesis).

At the true share the numerator over the likelihood is a martingale, and the denominator is at least
that likelihood. It depends on the counts alone, so nothing has to be kept between looks, and a
restart loses nothing. Logarithms are natural.

What it asks for: given the past, each observation is a fresh draw. If one key sends many requests
that fail together, they count for less than their number. A rate that both arms share may move.

Worked example: of 1,000 stable requests 1 failed, of 100 of the candidate 8. Then log E is 10.2, so
the hypothesis that the candidate is no worse is rejected at alpha = 0.001 (log 1000 = 6.9).

Sources: Wasserman, Ramdas and Balakrishnan 2020, Universal inference, PNAS 117(29), section 8;
Ville 1939; Krichevsky and Trofimov 1981, IEEE Trans. Inf. Theory 27(2), on Jeffreys' prior, which
costs half the logarithm of the sample for each share; Ramdas et al. 2023, Game-theoretic statistics
and safe anytime-valid inference, Statist. Sci. 38(4).
"""

from __future__ import annotations

import dataclasses
import math

# Halvings of an interval: of one that is searched for the largest likelihood, and of one whose end
# is reported. The second is rounded outwards.
_HALVINGS = 44
_REPORTED = 24


@dataclasses.dataclass(frozen=True)
class Count:
    """Of so many trials, so many hits.

    Raises:
        ValueError: There are fewer than none, or more hits than trials.
    """

    hits: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.trials:
            raise ValueError(f"expected 0 <= hits <= trials, received {self.hits}, {self.trials}")

    @property
    def share(self) -> float:
        """Hits of trials, in [0, 1]; 0 without trials."""
        return self.hits / self.trials if self.trials else 0.0

    @property
    def misses(self) -> Count:
        """The trials that were no hits."""
        return Count(self.trials - self.hits, self.trials)


def above(count: Count, bound: float) -> float:
    """Returns log E against "the share is at most `bound`".

    Args:
        count: What was seen.
        bound: In [0, 1].
    """
    return _mixed(count) - _log_likelihood(count, min(count.share, bound))


def below(count: Count, bound: float) -> float:
    """Returns log E against "the share is at least `bound`"."""
    return above(count.misses, 1 - bound)


def exceeds(one: Count, other: Count, margin: float = 0.0) -> float:
    """Returns log E against "one's share is at most the other's plus `margin`".

    Args:
        one: What was seen of it.
        other: Likewise of what it is compared with.
        margin: In [-1, 1].
    """
    mixed = _mixed(one) + _mixed(other)
    if one.share <= other.share + margin:
        return mixed - _log_likelihood(one, one.share) - _log_likelihood(other, other.share)
    return mixed - _on_the_border(one, other, margin)


def difference(one: Count, other: Count, alpha: float) -> tuple[float, float]:
    """Returns a confidence sequence of one's share minus the other's.

    With a chance of at least 1 - alpha, the intervals of all looks hold the true difference.

    Returns:
        The lowest and the highest difference that is not rejected, in [-1, 1].
    """
    return -_highest(other, one, alpha), _highest(one, other, alpha)


def _highest(one: Count, other: Count, alpha: float) -> float:
    limit = -math.log(alpha)
    accepted, rejected = one.share - other.share, 1.0
    # At a difference of 1 only "always here, never there" is possible.
    if exceeds(other, one, -rejected) < limit:
        return rejected
    for _ in range(_REPORTED):
        middle = (accepted + rejected) / 2
        if exceeds(other, one, -middle) < limit:
            accepted = middle
        else:
            rejected = middle
    return rejected


def _mixed(count: Count) -> float:
    """Returns the log of the likelihood's mean over Beta(1/2, 1/2)."""
    misses = count.trials - count.hits
    return (
        math.lgamma(count.hits + 0.5)
        + math.lgamma(misses + 0.5)
        - math.lgamma(count.trials + 1)
        - math.log(math.pi)
    )


def _log_likelihood(count: Count, share: float) -> float:
    hits, misses = count.hits, count.trials - count.hits
    if (hits and share <= 0) or (misses and share >= 1):
        return -math.inf
    # 0 log 0 is 0.
    return (hits * math.log(share) if hits else 0.0) + (
        misses * math.log1p(-share) if misses else 0.0
    )


def _on_the_border(one: Count, other: Count, margin: float) -> float:
    """Returns the largest log likelihood where one's share is the other's plus `margin`.

    It is concave along that line, so its slope changes sign once.
    """
    low, high = max(0.0, -margin), min(1.0, 1.0 - margin)
    if margin == 0:
        low = high = (one.hits + other.hits) / (one.trials + other.trials)
    for _ in range(_HALVINGS):
        if high <= low:
            break
        middle = (low + high) / 2
        if _slope(one, middle + margin) + _slope(other, middle) > 0:
            low = middle
        else:
            high = middle
    middle = (low + high) / 2
    return _log_likelihood(one, middle + margin) + _log_likelihood(other, middle)


def _slope(count: Count, share: float) -> float:
    misses = count.trials - count.hits
    # Rounding may carry a share to the end of its range, where the slope is without limit.
    if misses and share >= 1:
        return -math.inf
    if count.hits and share <= 0:
        return math.inf
    rising = count.hits / share if count.hits else 0.0
    return rising - (misses / (1 - share) if misses else 0.0)
