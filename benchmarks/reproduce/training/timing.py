"""Where the time of training goes: into the step or into waiting, and what a loss adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from benchmarks.reproduce.datasets.folds import Split
from benchmarks.reproduce.inputs.preprocess import Prepared
from benchmarks.reproduce.training.loop import run_steps
from benchmarks.reproduce.training.steps import Step
from benchmarks.reproduce.training.train import trainer, training_batches
from benchmarks.speed.timing import Spread, ratio, take_turns
from benchmarks.store import Json

if TYPE_CHECKING:
    from benchmarks.reproduce.settings import Settings

REFERENCE = "Keras' cross-entropy"


def shares(history: Sequence[Json]) -> dict[str, float]:
    """Of the wall time of all epochs but the first, which compiles: what goes where.

    ``step`` is training, ``waiting`` is for input, and the rest is validation and the keeping of
    weights; ``of_training`` is the step's share of the time without that rest.
    """
    epochs = history[1:] or history
    wall, step, waiting = (
        sum(epoch[name] for epoch in epochs)
        for name in ("seconds", "seconds_in_step", "seconds_waiting")
    )
    return {"step": step / wall, "waiting": waiting / wall, "of_training": step / (step + waiting)}


def epoch_ratios(
    losses: Mapping[str, Any],
    settings: Settings,
    prepared: Prepared,
    split: Split,
    weights: Path,
    turns: int = 5,
) -> dict[str, Spread]:
    """Seconds of an epoch with each loss over those with Keras' own cross-entropy.

    All train the same network on the same batches, in turns, in this process.
    """
    batches = training_batches(settings, prepared, split.train, settings.seed)
    epoch = [batches(0, step) for step in range(batches.steps)]
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(step: Step) -> Callable[[], object]:
        return lambda: run_steps(step, epoch)

    with ExitStack() as stack:
        calls = {}
        for name, loss in {REFERENCE: plain, **losses}.items():
            context = trainer(settings, len(prepared.classes), loss, weights)
            calls[name] = call(stack.enter_context(context).step)
        seconds = take_turns(calls, turns)
    return {name: ratio(seconds[name], seconds[REFERENCE]) for name in losses}
