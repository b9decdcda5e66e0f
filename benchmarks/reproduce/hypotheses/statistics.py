"""Tests in both directions, intervals, corrections, and what a sample can resolve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Values = NDArray[np.float64]


class Directions(NamedTuple):
    """One-sided p-values: of the statement, and of its contrary."""

    favour: float
    against: float

    @property
    def p(self) -> float:
        """Two-sided: either answer has half of the error."""
        return min(1.0, 2 * min(self))


def t_test(values: Values, null: float = 0.0) -> Directions:
    """Is the mean above ``null``, is it below?"""
    n = len(values)
    if n < 2:
        return Directions(1.0, 1.0)
    shift, error = float(np.mean(values)) - null, float(stats.sem(values))
    if error == 0:  # the same number every time: as certain as can be, unless it is the null itself
        return Directions(float(shift <= 0), float(shift >= 0))
    t = shift / error
    return Directions(float(stats.t.sf(t, n - 1)), float(stats.t.cdf(t, n - 1)))


def equivalence(values: Values, margin: float) -> Directions:
    """TOST: is the mean within ± margin, is it outside?

    In favour both one-sided tests must reject; against, one of two does.
    """
    below, above = t_test(values, -margin), t_test(values, margin)
    outside = min(1.0, 2 * min(below.against, above.favour))
    return Directions(max(below.favour, above.against), outside)


def trend(rows: Values, rising: bool) -> Directions:
    """Page's L: do the columns rise (fall), do they fall (rise)?"""
    levels = rows.shape[1]
    ranks = np.arange(1, levels + 1)
    up, down = (
        float(stats.page_trend_test(rows, predicted_ranks=order).pvalue)
        for order in (ranks, ranks[::-1])
    )
    return Directions(up, down) if rising else Directions(down, up)


def slopes(rows: Values, levels: Sequence[float]) -> Values:
    """The slope of the least-squares line through each row."""
    centred = np.asarray(levels) - np.mean(levels)
    return rows @ centred / (centred @ centred)


def conjunction(tests: Sequence[Directions]) -> Directions:
    """Do all statements hold (intersection-union), is one reversed (Bonferroni)?"""
    against = min(1.0, len(tests) * min(test.against for test in tests))
    return Directions(max(test.favour for test in tests), against)


def interval(values: Values, level: float = 0.95) -> tuple[float, float] | None:
    """The t-interval of the mean; None for a single value."""
    n = len(values)
    if n < 2:
        return None
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * stats.sem(values))
    mean = float(np.mean(values))
    return mean - half, mean + half


def detectable(values: Values, alpha: float, power: float) -> float | None:
    """The least true difference that a two-sided t-test finds with this power.

    Given the spread of the sample; None for a single value.
    """
    n = len(values)
    if n < 2:
        return None
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    shift = optimize.brentq(lambda d: stats.nct.sf(critical, n - 1, d) - power, 0, 4 * critical + 4)
    return float(shift * stats.sem(values))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: adjusted p-values in the given order."""
    order = np.argsort(p)
    scaled = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in adjusted]


class Ranks(NamedTuple):
    """Mean ranks of treatments over blocks, 1 the best, with Friedman's test of their equality."""

    means: Values
    p: float
    critical: float
    """Nemenyi: mean ranks that are further apart differ at the 5 % level."""


def ranks(blocks: Values) -> Ranks:
    """Rank the columns of every row, the highest value first."""
    n, k = blocks.shape
    means = stats.rankdata(-blocks, axis=1).mean(axis=0)
    q = stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    p = stats.friedmanchisquare(*blocks.T).pvalue
    return Ranks(means, float(p), float(q * np.sqrt(k * (k + 1) / (6 * n))))
