"""Which case is in which fold: one random assignment for all losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, train_test_split

FOLDS = 5


@dataclass(frozen=True)
class Split:
    """Case numbers of one fold."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(cases: int, fold: int, seed: int, validation: float = 0.2) -> Split:
    """Fold ``fold`` of five tests, a share of the rest validates."""
    if cases < 2 * FOLDS:
        raise ValueError(f"cases: expected at least {2 * FOLDS} for {FOLDS} folds, got {cases}")
    if not 0 <= fold < FOLDS:
        raise ValueError(f"fold: expected 0 to {FOLDS - 1}, got {fold}")
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    rest, test = list(folds.split(np.arange(cases)))[fold]
    train, valid = train_test_split(rest, test_size=validation, random_state=seed + fold)
    return Split(np.sort(train), np.sort(valid), test)
