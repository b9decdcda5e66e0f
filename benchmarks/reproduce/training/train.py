"""One job, from its start to the scores of its test cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.datasets.folds import Split
from benchmarks.reproduce.inputs.batches import Batch, Batches, prefetch
from benchmarks.reproduce.inputs.preprocess import Prepared
from benchmarks.reproduce.losses import build as build_loss
from benchmarks.reproduce.network import build, load_weights, write_initial_weights
from benchmarks.reproduce.training import checkpoint, predict
from benchmarks.reproduce.training.distribution import Devices, distribute
from benchmarks.reproduce.training.loop import run_epoch
from benchmarks.reproduce.training.precision import policy, scaled
from benchmarks.reproduce.training.schedules import optimiser, rate
from benchmarks.reproduce.training.steps import Step, make_step
from benchmarks.reproduce.training.supervision import objective
from benchmarks.store import Json, atomically

if TYPE_CHECKING:
    from benchmarks.reproduce.experiments.grid import Job
    from benchmarks.reproduce.settings import Settings


class Trainer(NamedTuple):
    """A step and the devices it uses."""

    step: Step
    devices: Devices


def network(settings: Settings, classes: int) -> keras.Model:
    """The network that the settings name."""
    return build(
        settings.architecture,
        shape=settings.shape,
        classes=classes,
        filters=settings.filters,
        depth=settings.depth,
        deep_supervision=settings.deep_supervision != "none",
        batch_norm_momentum=settings.batch_norm_momentum,
        synchronised=settings.distribution == "data" and keras.backend.backend() == "tensorflow",
        seed=settings.seed,
    )


@contextmanager
def trainer(settings: Settings, classes: int, loss: Any, weights: Path) -> Iterator[Trainer]:
    """A network at its start, ready to be trained with ``loss`` while the context lasts.

    ``weights`` is written first if there is no such file.
    """
    with policy(settings.precision), distribute(settings.distribution, settings.batch) as devices:
        model = network(settings, classes)
        write_initial_weights(weights, model, settings.seed)
        load_weights(weights, model)
        step = make_step(
            model,
            objective(loss, settings.deep_supervision),
            scaled(optimiser(settings), settings.precision),
            devices,
        )
        try:
            yield Trainer(step, devices)
        finally:
            step.close()


def training_batches(
    settings: Settings, prepared: Prepared, cases: NDArray[np.int64], seed: int
) -> Batches:
    """The batches of every epoch; whole images where the settings name no overlap of windows."""
    return Batches(
        prepared,
        cases,
        batch=settings.batch,
        patch=None if settings.overlap is None else settings.shape,
        augment=settings.augment,
        seed=seed,
        steps=settings.steps,
    )


def validation_batches(
    settings: Settings, prepared: Prepared, cases: NDArray[np.int64], seed: int
) -> list[Batch]:
    """Every case once, as it is or by one patch that is the same in all epochs.

    In parts of twice a training batch, because nothing is kept for a gradient, and of as equal size
    as can be, because every size is a program of its own.
    """
    patch = None if settings.overlap is None else settings.shape

    def sample(case: int) -> Batch:
        return Batches(prepared, [case], batch=1, patch=patch, seed=seed + case)(0, 0)

    parts = np.array_split(cases, -(-len(cases) // (2 * settings.batch)))
    batches = []
    for part in parts:
        images, labels = zip(*(sample(int(case)) for case in part), strict=True)
        batches.append((np.concatenate(images), np.concatenate(labels)))
    return batches


def train(
    job: Job,
    settings: Settings,
    prepared: Prepared,
    split: Split,
    weights: Path,
    folder: Path,
    made_with: str,
    on_epoch: Callable[[Json], object],
    checkpoint_seconds: float,
) -> Json:
    """Train and test a job; what it gave, ready for JSON.

    A run that was killed goes on from its last checkpoint in ``folder``, if that was ``made_with``
    the same things, and with the same numbers, as far as the framework repeats its own: on a GPU it
    must be told to. A checkpoint of the paper's network takes a fraction of a second. The masks of
    the test cases are left in ``folder`` as ``{job.name}.npz``, one array per case.
    """
    began = perf_counter()
    loss = build_loss(job.loss, job.hyperparameters)
    saved = folder / f"{job.name}.checkpoint.npz"
    with trainer(settings, len(prepared.classes), loss, weights) as (step, devices):
        progress = checkpoint.load(saved, made_with)
        seconds_before = sum(epoch["seconds"] for epoch in progress.history)
        step.restore(progress.now)
        batches = training_batches(settings, prepared, split.train, job.seed)
        validation = validation_batches(settings, prepared, split.validation, job.seed)
        last_saved = perf_counter()
        for epoch in range(progress.epoch, settings.epochs):
            learning_rate = rate(settings, epoch, progress.validation)
            ahead = prefetch(batches, epoch)
            run_epoch(step, progress, ahead, validation, learning_rate, devices)
            if perf_counter() - last_saved >= checkpoint_seconds:
                progress.now = step.snapshot()
                if devices.main:
                    checkpoint.save(saved, progress, made_with)
                last_saved = perf_counter()
            on_epoch(progress.history[-1])
        step.restore(progress.best)
        predictions = predict_cases(step, prepared, split.test, settings, devices)
    if devices.main:
        named = {prepared.cases[i]: mask for i, mask in predictions.items()}
        atomically(folder / f"{job.name}.npz", lambda file: np.savez_compressed(file, **named))
        saved.unlink(missing_ok=True)
    history = progress.history
    return {
        "first_loss": progress.first_loss,
        "selected_epoch": progress.selected,
        **predict.score(prepared, predictions),
        "seconds": seconds_before + perf_counter() - began,
        "seconds_in_step": sum(epoch["seconds_in_step"] for epoch in history),
        "seconds_waiting": sum(epoch["seconds_waiting"] for epoch in history),
        "history": history,
    }


def predict_cases(
    step: Step,
    prepared: Prepared,
    cases: Sequence[int] | NDArray[np.int64],
    settings: Settings,
    devices: Devices,
) -> dict[int, predict.Mask]:
    """The masks by case number; every process predicts its share."""
    mine = devices.share([int(i) for i in cases])
    found = predict.masks(step, prepared, mine, settings)
    collected = devices.collect({str(i): mask for i, mask in zip(mine, found, strict=True)})
    return {int(i): collected[str(i)] for i in cases}
