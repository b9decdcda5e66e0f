"""A run on disk, complete enough that going on from it gives the numbers of never having stopped.

Batches and learning rates are pure functions of the epoch and the history, so what remains is the
history and every variable: weights, moving averages, random state, and the optimiser's. Epochs are
what a run is cut at: one that was killed within an epoch repeats that epoch.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.store import Json, atomically

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a run has come."""

    history: list[Json] = field(default_factory=list)
    """What every finished epoch reported."""
    first_loss: float | None = None
    selected: int | None = None
    """The epoch with the lowest validation loss; None while none was finite."""
    best: Arrays = field(default_factory=list)
    """The network's variables after it."""
    now: Arrays = field(default_factory=list)
    """All variables after the last epoch."""

    @property
    def epoch(self) -> int:
        """The epoch to be run next."""
        return len(self.history)

    @property
    def validation(self) -> list[float]:
        """The validation losses so far, infinite where they were not finite."""
        losses = (epoch["validation_loss"] for epoch in self.history)
        return [math.inf if loss is None else loss for loss in losses]


def save(path: Path, progress: Progress, made_with: str) -> None:
    """Write a checkpoint in the place of the one before it; ``made_with`` is a fingerprint."""
    record = {
        "made_with": made_with,
        "history": progress.history,
        "first_loss": progress.first_loss,
        "selected": progress.selected,
    }
    arrays = {
        f"{name}/{i}": array
        for name in ("best", "now")
        for i, array in enumerate(getattr(progress, name))
    }
    text = np.array(json.dumps(record))
    atomically(path, lambda file: np.savez(file, record=text, **arrays))


def load(path: Path, made_with: str) -> Progress:
    """The checkpoint at ``path``; the beginning where there is none, or one made with other things.

    A run that goes on under other settings would be neither the old one nor the new one.
    """
    if not path.exists():
        return Progress()
    with np.load(path) as stored:
        record = json.loads(str(stored["record"]))
        if record.pop("made_with", None) != made_with:
            return Progress()
        arrays = {
            name: [
                stored[f"{name}/{i}"] for i in range(sum(k.startswith(f"{name}/") for k in stored))
            ]
            for name in ("best", "now")
        }
    return Progress(**record, **arrays)
