"""Do backends compute the same, from the same weights and on the same batches?

``record`` writes what one backend computes: the loss and all gradients at the start, and the losses
of the first steps. Keras has one backend per process, so each writes a file, and ``compare`` reads
two. Whether the final scores are equivalent is a question for statistics over folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.reproduce.inputs.preprocess import Prepared
from benchmarks.reproduce.training.train import trainer, training_batches
from benchmarks.store import atomically

if TYPE_CHECKING:
    from benchmarks.reproduce.settings import Settings

STEPS = 20
AT_START, ON_CURVE = 1e-4, 1e-2


class Agreement(NamedTuple):
    """The largest differences between two backends."""

    loss: float
    """Of the losses before the first step."""
    gradient: float
    """Of any entry of any gradient, over the largest entry of all.

    Not over the gradient by the same weight: where terms cancel, as for a scale before another
    batch norm, they leave roundings of their own size, however little remains.
    """
    weight: str
    """Where that is."""
    curve: float
    """Of the losses of the first steps."""

    @property
    def holds(self) -> bool:
        """Whether the backends compute the same, up to roundings and what grows from them.

        Each figure is compared by itself: nan is within no bound, but Python's `max` may skip it.
        """
        return self.loss <= AT_START and self.gradient <= AT_START and self.curve <= ON_CURVE


def record(
    path: Path,
    loss: Any,
    settings: Settings,
    prepared: Prepared,
    cases: Sequence[int],
    weights: Path,
    seed: int = 0,
    steps: int = STEPS,
) -> None:
    """Write what the active backend computes with ``loss``, a loss of Keras."""
    batches = training_batches(settings, prepared, np.asarray(cases), seed)
    stream = (batches(epoch, step) for epoch in count() for step in range(batches.steps))
    first = next(stream)
    with trainer(settings, len(prepared.classes), loss, weights) as (step, _):
        step.set_rate(settings.learning_rate)
        value, gradients = step.gradients(*first)
        curve = [float(step.train(*batch)) for batch in (first, *islice(stream, steps - 1))]
        names = [variable.path for variable in step.model.trainable_variables]
    arrays = {f"gradient/{n}": g for n, g in zip(names, gradients, strict=True)}
    atomically(path, lambda file: np.savez(file, loss=value, curve=curve, **arrays))


def compare(one: Path, other: Path) -> Agreement:
    """How far two records are apart."""
    with np.load(one) as a, np.load(other) as b:
        if a.keys() != b.keys() or a["curve"].shape != b["curve"].shape:
            raise ValueError(f"{other}: wanted the same weights and steps as in {one}")
        gradients = [key for key in a if key.startswith("gradient/")]
        # NumPy's maxima are nan where anything is, and then the first such weight is the worst.
        with np.errstate(divide="ignore", invalid="ignore"):
            largest = np.max([np.abs(a[key]).max() for key in gradients])
            apart = [np.abs(a[key] - b[key]).max() / largest for key in gradients]
        worst = int(np.argmax(apart))
        return Agreement(
            loss=float(abs(a["loss"] - b["loss"])),
            gradient=float(apart[worst]),
            weight=gradients[worst].removeprefix("gradient/"),
            curve=float(np.abs(a["curve"] - b["curve"]).max()),
        )
