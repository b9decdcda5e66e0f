"""The paper's three metrics per case (eqs. 8, 23, 24), and their means and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

METRICS = ("dsc", "precision", "recall")


class Scores(NamedTuple):
    """DSC, precision and recall of one prediction."""

    dsc: float
    precision: float
    recall: float


class Estimate(NamedTuple):
    """A mean and the half-width of its 95 % confidence interval, None for a single value."""

    mean: float
    ci95: float | None

    def __str__(self) -> str:
        """As the paper prints it."""
        return f"{self.mean:.3f}" + ("" if self.ci95 is None else f" ± {self.ci95:.3f}")


def scores(prediction: NDArray[Any], truth: NDArray[Any]) -> Scores | None:
    """How well one mask matches another; None where neither has foreground: nothing to score."""
    p, t = prediction.astype(bool), truth.astype(bool)
    if not (p.any() or t.any()):
        return None
    tp, predicted, true = int((p & t).sum()), int(p.sum()), int(t.sum())
    return Scores(2 * tp / (predicted + true), tp / max(predicted, 1), tp / max(true, 1))


def scores_per_class(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], classes: Sequence[str]
) -> dict[str, Scores | None]:
    """The scores of every class but the first, the background, from class indices."""
    return {
        name: scores(prediction == index, truth == index)
        for index, name in enumerate(classes)
        if index
    }


def average(cases: Iterable[Scores | None]) -> Scores:
    """The mean over the cases that could be scored; nan if there is none."""
    scored = [c for c in cases if c is not None]
    if not scored:
        return Scores(np.nan, np.nan, np.nan)
    return Scores(*np.mean(scored, axis=0).tolist())


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and t-interval of independent values, here one per fold."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(mean, None)
    return Estimate(mean, float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)))
