"""Paired differences between conditions: what a hypothesis compares, per case or per fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.reproduce.hypotheses.observations import VARIED

Condition = Mapping[str, Any]
Values = NDArray[np.float64]

FOLDS_TO_GENERALISE = 3
"""From this many folds on a fold is one observation; two leave a t-test one degree of freedom."""

_PAIRED = (
    *("experiment", "loss", "setting", "optimiser", "deep_supervision", "backend", "seed"),
    *("fold", "class", "case"),
)


class Sample(NamedTuple):
    """Independent observations, and what one of them is."""

    values: Values
    unit: str


def each(condition: Condition) -> Iterator[dict[str, Any]]:
    """The conditions that lists stand for."""
    options = [value if isinstance(value, list) else [value] for value in condition.values()]
    for chosen in product(*options):
        yield dict(zip(condition, chosen, strict=True))


def select(frame: pd.DataFrame, condition: Condition) -> pd.DataFrame:
    """The rows under a condition; a list admits any of its values."""
    for name, wanted in condition.items():
        frame = frame[frame[name].isin(wanted if isinstance(wanted, list) else [wanted])]
    return frame


def pairing(*named: Condition) -> list[str]:
    """By what scores are paired: by all that no condition names.

    A setting is the text of δ, γ and λ, so naming one of them names it.
    """
    names = {name for condition in named for name in condition}
    if names & set(VARIED):
        names.add("setting")
    return [name for name in _PAIRED if name not in names]


def scores(frame: pd.DataFrame, condition: Condition, metric: str, keys: list[str]) -> pd.Series:
    """The mean over a condition's parts of what all of them have scores for."""
    parts = [select(frame, part).groupby(keys)[metric].mean() for part in each(condition)]
    return pd.concat(parts, axis=1, join="inner").dropna().mean(axis=1)


def difference(
    frame: pd.DataFrame, higher: Condition, lower: Condition, metric: str, keys: list[str]
) -> pd.Series:
    """Paired differences."""
    a, b = (scores(frame, side, metric, keys) for side in (higher, lower))
    return (a - b).dropna()


def per_case(paired: pd.Series | pd.DataFrame) -> Any:
    """Mean over all but fold and case."""
    return paired.groupby(["fold", "case"]).mean()


def per_unit(paired: pd.Series | pd.DataFrame) -> Sample:
    """One value, or row of values, per fold where there are enough folds, and per case else."""
    cases = per_case(paired)
    folds = cases.groupby("fold").mean()
    if len(folds) >= FOLDS_TO_GENERALISE:
        return Sample(folds.to_numpy(float), "folds")
    return Sample(cases.to_numpy(float), "cases")


def levels(frame: pd.DataFrame, over: str, metric: str, keys: Sequence[str]) -> pd.DataFrame:
    """Paired scores with one column per level of what is varied."""
    return frame.pivot_table(index=list(keys), columns=over, values=metric).dropna()
