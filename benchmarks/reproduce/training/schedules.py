"""Optimisers, and learning rates as pure functions of the epoch and what was seen before it.

So a run that goes on from a checkpoint needs no state of its schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from benchmarks.reproduce.settings import Settings

POWER = 0.9
FACTOR, PATIENCE, MIN_DELTA = 0.1, 10, 1e-4
"""The defaults of Keras' ``ReduceLROnPlateau``: the paper names only a minimum rate."""


def poly(epoch: int, epochs: int) -> float:
    """Eq. 21 as it must be meant: (1 − epoch / epochs)^0.9; as printed it is complex."""
    return (1 - epoch / epochs) ** POWER


def plateau(losses: Sequence[float], factor: float = FACTOR, patience: int = PATIENCE) -> float:
    """``factor`` to the number of times that ``patience`` epochs went by without a better loss."""
    best, waited, reductions = math.inf, 0, 0
    for loss in losses:
        waited += 1
        if loss < best - MIN_DELTA:
            best, waited = loss, 0
        if waited == patience:
            reductions, waited = reductions + 1, 0
    return factor**reductions


def rate(settings: Settings, epoch: int, validation: Sequence[float]) -> float:
    """The learning rate of ``epoch``, after these validation losses."""
    if settings.schedule == "poly":
        return settings.learning_rate * poly(epoch, settings.epochs)
    return max(settings.learning_rate * plateau(validation), settings.minimum_rate)


def optimiser(settings: Settings) -> keras.optimizers.Optimizer:
    """SGD with Nesterov's momentum, or Adam."""
    if settings.optimiser == "adam":
        return keras.optimizers.Adam(settings.learning_rate)
    return keras.optimizers.SGD(
        settings.learning_rate, momentum=settings.momentum, nesterov=settings.momentum > 0
    )
