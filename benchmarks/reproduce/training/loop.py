"""An epoch of steps, its validation, and which epoch's weights to keep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from benchmarks.reproduce.inputs.batches import Batch
from benchmarks.reproduce.training.checkpoint import Progress
from benchmarks.reproduce.training.distribution import Devices
from benchmarks.reproduce.training.steps import Step


class Steps(NamedTuple):
    """What the steps of an epoch gave, and where their time went."""

    losses: list[float]
    seconds_in_step: float
    seconds_waiting: float


def run_steps(step: Step, batches: Iterable[Batch]) -> Steps:
    """One step per batch. No step waits for the number of the one before it."""
    began, waiting, losses = perf_counter(), 0.0, []
    iterator = iter(batches)
    while True:
        asked = perf_counter()
        batch = next(iterator, None)
        waiting += perf_counter() - asked
        if batch is None:
            break
        losses.append(step.train(*batch))
    values = [float(loss) for loss in losses]
    step.settle()
    return Steps(values, perf_counter() - began - waiting, waiting)


def validate(step: Step, batches: Sequence[Batch], devices: Devices) -> float:
    """The mean loss over all cases; every process takes its share of the batches."""
    mine = devices.share(list(enumerate(batches)))
    losses = devices.collect({str(i): step.loss(*batch) for i, batch in mine})
    return float(
        np.average(
            [losses[str(i)] for i in range(len(batches))],
            weights=[len(images) for images, _ in batches],
        )
    )


def run_epoch(
    step: Step,
    progress: Progress,
    batches: Iterable[Batch],
    validation: Sequence[Batch],
    rate: float,
    devices: Devices,
) -> None:
    """Train, validate, and note in ``progress`` what came of it."""
    began = perf_counter()
    step.set_rate(rate)
    steps = run_steps(step, batches)
    if progress.epoch == 0:
        progress.first_loss = finite(steps.losses[0])
    loss = validate(step, validation, devices)
    if loss < min(progress.validation, default=math.inf):
        progress.selected, progress.best = progress.epoch, step.snapshot(network_only=True)
    progress.history.append(
        {
            "loss": finite(float(np.mean(steps.losses))),
            "validation_loss": finite(loss),
            "rate": rate,
            "seconds": perf_counter() - began,
            "seconds_in_step": steps.seconds_in_step,
            "seconds_waiting": steps.seconds_waiting,
        }
    )


def finite(value: float) -> float | None:
    """JSON has no nan and no infinity."""
    return value if math.isfinite(value) else None
